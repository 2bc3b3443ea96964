// A TLS handshake whose ClientHello leaves in two segments: `tls-client.mjs ADDRESS NAME FIRST-BYTES`. Prints the subject
// of the server's certificate when the handshake is done.
import { connect as connectTcp } from "node:net";
import { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";

const [host, servername, firstBytes] = process.argv.slice(2);
const tcp = connectTcp({ host, port: 443, noDelay: true });
let begun = false;

/** The TCP connection as TLS sees it: only the first write is different. */
const pieces = new Duplex({
  read() {},
  write(chunk, _, done) {
    if (begun) return void tcp.write(chunk, done);
    begun = true;
    // Without delay each write leaves as a segment; the second waits until the kernel has taken the first.
    tcp.write(chunk.subarray(0, Number(firstBytes)), () => {
      setTimeout(() => tcp.write(chunk.subarray(Number(firstBytes)), done), 50);
    });
  },
});
tcp.on("data", (chunk) => pieces.push(chunk));
tcp.on("error", (error) => pieces.destroy(error));
const tls = connectTls({ socket: pieces, servername, rejectUnauthorized: false }, () => {
  console.log(`subject=CN = ${tls.getPeerCertificate().subject.CN}`);
  process.exit(0);
});
tls.on("error", (error) => {
  console.log(error.code);
  process.exit(1);
});
