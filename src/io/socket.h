// socket: addresses and the raw sockets under tcp streams and listeners.
#pragma once

#include "base/err.h"
#include "io/stream.h"

#include <sys/socket.h>

// Reads "host:port", "[v6]:port" or ":port" (all interfaces). The host must be an IP literal;
// "localhost" means 127.0.0.1. ERR_SYNTAX otherwise.
err socket_parse_address(str text, struct address *out);

// The kernel's form; returns its length.
socklen_t socket_to_kernel(const struct address *a, struct sockaddr_storage *out);
void socket_from_kernel(const struct sockaddr_storage *from, struct address *out);

// A non-blocking listening TCP socket. With `is_shared`, others may listen on the same port and
// the kernel spreads connections among them (SO_REUSEPORT). ERR_IN_USE, ERR_DENIED...
err socket_listen(const struct address *a, bool is_shared, int *out_fd);

// A non-blocking TCP socket with a connect under way (or done).
err socket_connect(const struct address *to, int *out_fd);
// Whether that connect has succeeded already, as it does at once within a machine.
bool socket_is_connected(int fd);
// Whether that connect succeeded, once the socket is writable.
err socket_connect_result(int fd);

// Where a socket is bound: the port the kernel chose for port 0.
err socket_local_address(int fd, struct address *out);
