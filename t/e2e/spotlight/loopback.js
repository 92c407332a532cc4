// Loaded before Spotlight: it listens on 127.0.0.1 alone, and what it would tell
// of itself to others stays here.

import net from "node:net";

const { listen } = net.Server.prototype;
const { connect } = net.Socket.prototype;

net.Server.prototype.listen = function (...args) {
  const { port } = typeof args[0] === "object" ? args[0] : { port: args[0] };
  const done = args.find((one) => typeof one === "function");
  return listen.call(this, { port, host: "127.0.0.1" }, done);
};

net.Socket.prototype.connect = function (...args) {
  const [options] = Array.isArray(args[0]) ? args[0] : args;
  if (options.host && !["127.0.0.1", "localhost"].includes(options.host)) {
    // as if nobody listened
    return connect.call(this, { host: "127.0.0.1", port: 1 });
  }
  return connect.apply(this, args);
};
