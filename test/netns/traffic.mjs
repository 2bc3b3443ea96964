// Traffic for live tests, run by Node inside a namespace: `traffic.mjs echo` answers, `traffic.mjs ask …` asks.
//
// A dropped packet is told from a slow one by order, not by time: `ask` sends its texts one after another from one
// socket, repeating the last until that one is answered, and then prints which answers came.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const PORT = 9000;
const [command, host, ...texts] = process.argv.slice(2);
const familyOf = (address) => (address.includes(":") ? "udp6" : "udp4");

/** Sends every UDP datagram and every TCP byte back, until killed. */
async function echo() {
  for (const family of ["udp4", "udp6"]) {
    const socket = createSocket({ type: family, ipv6Only: family === "udp6" });
    socket.on("message", (message, { address, port }) => socket.send(message, port, address));
    await new Promise((resolve) => socket.bind(PORT, resolve));
  }
  const server = createServer((stream) => {
    stream.on("error", () => {});
    stream.pipe(stream);
  });
  await new Promise((resolve) => server.listen(PORT, resolve));
  console.log("listening");
}

function ask() {
  const answers = [];
  const socket = createSocket(familyOf(host));
  const last = texts.at(-1);
  socket.on("message", (message) => {
    const text = message.toString("latin1");
    answers.push(text);
    // The last text may come back changed: then it is told by its first character.
    if (text[0] !== last[0]) return;
    console.log(JSON.stringify([...new Set(answers)]));
    process.exit(0);
  });
  for (const text of texts) socket.send(Buffer.from(text, "latin1"), PORT, host);
  setInterval(() => socket.send(Buffer.from(last, "latin1"), PORT, host), 1000);
  setTimeout(() => {
    console.log(JSON.stringify(answers));
    process.exit(1);
  }, 20_000);
}

/** Asks once from each of these addresses of this host in order, the last until it is answered: prints which were. */
async function sources() {
  const answered = [];
  for (const address of texts) {
    const socket = createSocket(familyOf(host));
    await new Promise((resolve) => socket.bind(0, address, resolve));
    const send = () => socket.send(address, PORT, host);
    socket.on("message", () => {
      answered.push(address);
      if (address !== texts.at(-1)) return;
      console.log(JSON.stringify(answered));
      process.exit(0);
    });
    await new Promise((resolve) => socket.send(address, PORT, host, resolve));
    if (address === texts.at(-1)) setInterval(send, 1000);
  }
}

/** Sends `texts[0]` bytes through a TCP stream and prints how many equal ones came back. */
function stream() {
  const wanted = Number(texts[0]);
  const sent = Buffer.alloc(wanted, "0123456789abcdef!");
  let received = 0;
  const socket = connect(PORT, host, () => socket.write(sent));
  socket.on("data", (chunk) => {
    if (!sent.subarray(received, received + chunk.length).equals(chunk)) {
      console.log("damaged");
      process.exit(1);
    }
    received += chunk.length;
    if (received === wanted) {
      console.log(received);
      process.exit(0);
    }
  });
  socket.on("error", (error) => {
    console.log(error.code);
    process.exit(1);
  });
}

/** Sends as many datagrams as `texts[0]` says, and waits for no answer. */
function flood() {
  const socket = createSocket(familyOf(host));
  let left = Number(texts[0]);
  const next = () => (left-- > 0 ? socket.send("flood", PORT, host, next) : socket.close());
  next();
}

/**
 * Sends "bad 1", "bad 2", … until SIGTERM or until there were as many as `texts[0]` says, then "good" until that is
 * answered: prints how many were sent, and which of them were answered.
 */
function steady() {
  const answers = [];
  const socket = createSocket(familyOf(host));
  const most = Number(texts[0]);
  let sent = 0;
  let isEnding = false;
  socket.on("message", (message) => {
    const text = message.toString("latin1");
    if (text !== "good") answers.push(text);
    else {
      console.log(JSON.stringify({ sent, answers }));
      process.exit(0);
    }
  });
  const end = () => {
    const good = () => socket.send("good", PORT, host);
    good();
    setInterval(good, 1000);
  };
  const next = () => {
    if (isEnding || sent === most) end();
    else socket.send(`bad ${++sent}`, PORT, host, () => setImmediate(next));
  };
  process.on("SIGTERM", () => {
    isEnding = true;
  });
  socket.on("error", () => {});
  next();
}

/** Holds a TCP connection: prints what comes back for each line of its input, and the code of the error that ends it. */
function talk() {
  const socket = connect(PORT, host, () => console.log("connected"));
  socket.on("data", (chunk) => console.log(chunk.toString("latin1")));
  socket.on("error", (error) => {
    console.log(error.code);
    process.exit(0);
  });
  process.stdin.on("data", (line) => socket.write(line));
}

await { echo, ask, sources, stream, flood, steady, talk }[command]();
