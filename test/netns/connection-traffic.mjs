// Traffic of known connections for live tests, run by Node inside a namespace: the client's port is given, and each text
// is sent when the one before has been answered. Ends by itself, whatever happens.
//
//   udp HOST PORT SPORT TEXT…    refused HOST PORT SPORT      tcp HOST PORT SPORT TEXT…
//   ftp-server                   ftp HOST SPORT DATAPORT
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const [command, host, ...rest] = process.argv.slice(2);
const FTP_PORT = 21;

const end = (text, status) => {
  console.log(text);
  process.exit(status);
};
setTimeout(() => end("nothing came", 1), 20_000).unref();

const bound = async (sport) => {
  const socket = createSocket(host.includes(":") ? "udp6" : "udp4");
  await new Promise((resolve) => socket.bind(sport, resolve));
  return socket;
};

async function udp() {
  const [port, sport, ...texts] = rest;
  const socket = await bound(Number(sport));
  for (const text of texts) {
    const answered = new Promise((resolve) => socket.once("message", resolve));
    socket.send(text, Number(port), host);
    await answered;
  }
  end("answered", 0);
}

/** A datagram to a port where nobody listens: the server says so. */
async function refused() {
  const [port, sport] = rest;
  const socket = await bound(Number(sport));
  socket.on("error", ({ code }) => end(code, code === "ECONNREFUSED" ? 0 : 1));
  await new Promise((resolve) => socket.connect(Number(port), host, resolve));
  socket.send("anybody?");
}

const connected = (port, localPort) =>
  new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host, localPort: Number(localPort) }, () => resolve(socket));
    socket.on("error", reject);
  });
const next = (socket) => new Promise((resolve) => socket.once("data", (data) => resolve(String(data))));

async function tcp() {
  const [port, sport, ...texts] = rest;
  const socket = await connected(port, sport);
  for (const text of texts) {
    const answered = next(socket);
    socket.write(text);
    await answered;
  }
  end("answered", 0);
}

/** As much of a server of FTP (RFC 959) as makes one passive connection: `PASV N` opens port N, whose first bytes go back. */
async function ftpServer() {
  createServer((control) => {
    control.on("error", () => {});
    control.write("220 ready\r\n");
    control.on("data", (line) => {
      const port = Number(String(line).split(" ")[1]);
      const data = createServer((stream) => {
        stream.on("error", () => {});
        stream.pipe(stream);
      });
      const address = control.localAddress.replace("::ffff:", "").replaceAll(".", ",");
      data.listen(port, () =>
        control.write(`227 Entering Passive Mode (${address},${port >> 8},${port & 255}).\r\n`),
      );
    });
  }).listen(FTP_PORT, () => console.log("listening"));
}

async function ftp() {
  const [sport, dataPort] = rest;
  const control = await connected(FTP_PORT, sport);
  await next(control);
  const answer = next(control);
  control.write(`PASV ${dataPort}\r\n`);
  await answer;
  const data = await connected(dataPort, Number(sport) + 1);
  const echoed = next(data);
  data.write("hello");
  await echoed;
  end("answered", 0);
}

await { udp, refused, tcp, "ftp-server": ftpServer, ftp }[command]();
