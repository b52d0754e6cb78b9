// The floor: an HTTP/2 server that does nothing but what every gRPC server in Node has to do. It reads a request to
// its end and answers with the same message each time. It ends when its parent lets go of it.

import { createServer } from "node:http2";

let reply = Buffer.alloc(0);
const server = createServer();
server.on("stream", (stream) => {
  stream.resume();
  stream.on("end", () => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "grpc-message": "OK" }));
    stream.end(reply);
  });
  stream.on("error", () => {});
});

process.on("disconnect", () => process.exit(0));
process.on("message", (message) => {
  reply = Buffer.from(message as Uint8Array);
  server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
});
