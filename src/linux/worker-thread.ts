/**
 * A thread of its own for something that blocks. The two sides talk by messages, and share a few numbers that can be
 * read and written while the other side is busy.
 */

import { parentPort, threadId, Worker, workerData } from "node:worker_threads";

export interface WorkerHandlers {
  message(message: unknown): void;
  /** The thread failed, for want of memory for instance. */
  error(error: Error): void;
  exit(status: number): void;
}

export interface WorkerHandle {
  /** Ends the thread even in the middle of a script; a blocking system call is waited for. */
  terminate(): Promise<void>;
}

/** Starts the module at `url` in a thread; `data` must survive structured cloning. */
export function startWorker(
  url: URL,
  data: unknown,
  heapLimitBytes: number | undefined,
  handlers: WorkerHandlers,
): WorkerHandle {
  const worker = new Worker(url, {
    workerData: data,
    name: "moonhook",
    ...(heapLimitBytes === undefined
      ? {}
      : { resourceLimits: { maxOldGenerationSizeMb: Math.ceil(heapLimitBytes / (1024 * 1024)) } }),
  });
  worker.on("message", handlers.message);
  worker.on("error", handlers.error);
  worker.on("exit", handlers.exit);
  return { terminate: async () => void (await worker.terminate()) };
}

export interface WorkerSide {
  /** What the thread was given. */
  readonly data: unknown;
  /** No other thread of this machine has the same. */
  readonly id: string;
  post(message: unknown): void;
}

/** Inside the thread. */
export function workerSide(): WorkerSide {
  const port = parentPort;
  if (port === null) throw new Error("this module runs in a worker thread only");
  return {
    data: workerData as unknown,
    id: `${process.pid}-${threadId}`,
    post: (message) => port.postMessage(message),
  };
}
