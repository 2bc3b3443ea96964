/**
 * Times repetitions of a program: what drivers/native.lua does, for the contenders that run on Node. The drivers are
 * plain JavaScript because the process that is measured loads nothing but its contender.
 *
 * The clock is the processor time of the whole process, as for the native peers: other work on the machine does not
 * count, and what an engine does on other threads (compiling, collecting garbage) does.
 */

/** The program and the file of the `data` module, then how long to warm up and to measure. */
export function readArguments() {
  const [program, dataModule, ...numbers] = process.argv.slice(2);
  const [warmMs, timeMs, repetitions] = numbers.map(Number);
  return { program, dataModule, warmMs, timeMs, repetitions };
}

/** `run` returns the result as text. Prints the time of the first repetition, those after the warm-up, and the result. */
export function repeat({ warmMs, timeMs, repetitions }, run) {
  let result;
  const once = () => {
    const started = process.cpuUsage();
    const value = run();
    const { user, system } = process.cpuUsage(started);
    const ms = (user + system) / 1000;
    if (result !== undefined && value !== result) {
      throw new Error(`results differ between repetitions: ${result}, ${value}`);
    }
    result = value;
    return ms;
  };
  const first = once();
  for (let spent = first; spent < warmMs; ) spent += once();
  const times = [];
  for (let spent = 0; times.length === 0 || (spent < timeMs && times.length < repetitions); ) {
    times.push(once());
    spent += times.at(-1);
  }
  console.log(JSON.stringify({ first, times, result }));
}
