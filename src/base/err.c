#include "base/err.h"

#include <errno.h>

const char *err_name(err e)
{
    switch (e) {
    case OK: return "OK";
#define ERR(name, text)                                                                            \
    case ERR_##name:                                                                               \
        return "ERR_" #name;
#include "base/err.def"
#undef ERR
    }
    return "ERR_?";
}

const char *err_text(err e)
{
    switch (e) {
    case OK: return "ok";
#define ERR(name, text)                                                                            \
    case ERR_##name:                                                                               \
        return text;
#include "base/err.def"
#undef ERR
    }
    return "unknown error";
}

err err_from_errno(int number)
{
    switch (number) {
    case 0: return OK;
    case EAGAIN:
    case EINTR: return ERR_AGAIN;
    case ECANCELED: return ERR_CANCELED;
    case ETIMEDOUT: return ERR_TIMEOUT;
    case ECONNREFUSED: return ERR_REFUSED;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE:
    case ENOTCONN: return ERR_CLOSED;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL: return ERR_UNREACHABLE;
    case EADDRINUSE: return ERR_IN_USE;
    case EACCES:
    case EPERM: return ERR_DENIED;
    case ENOENT: return ERR_ABSENT;
    case EMFILE:
    case ENFILE:
    case ENOBUFS:
    case ENOMEM: return ERR_LIMIT;
    default: return ERR_SYSTEM;
    }
}
