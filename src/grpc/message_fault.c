#include "grpc/message_fault.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { STEP_MAX = 64 };

void message_fault_init(struct message_fault *f)
{
    f->path_len = 0;
    f->reason[0] = '\0';
}

err message_fault_set(struct message_fault *f, err e, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(f->reason, sizeof(f->reason), format, args); // a longer reason is clipped
    va_end(args);
    return e;
}

static void prepend(struct message_fault *f, str step)
{
    size_t room = sizeof(f->path) - f->path_len;

    if (step.len > room) step = str_sub(step, step.len - room, room);
    if (step.len) memcpy(f->path + room - step.len, step.ptr, step.len);
    f->path_len += step.len;
}

err message_fault_in_member(struct message_fault *f, err e, str name)
{
    if (!e) return OK;
    if (f->path_len && f->path[sizeof(f->path) - f->path_len] != '[') prepend(f, STR("."));
    prepend(f, str_sub(name, 0, STEP_MAX));
    return e;
}

err message_fault_in_element(struct message_fault *f, err e, size_t index)
{
    char step[STEP_MAX];

    if (!e) return OK;
    if (f->path_len && f->path[sizeof(f->path) - f->path_len] != '[') prepend(f, STR("."));
    int len = snprintf(step, sizeof(step), "[%zu]", index);
    prepend(f, (str){.ptr = step, .len = (size_t)len});
    return e;
}

err message_fault_in_key(struct message_fault *f, err e, str key)
{
    if (!e) return OK;
    if (f->path_len && f->path[sizeof(f->path) - f->path_len] != '[') prepend(f, STR("."));
    prepend(f, STR("\"]"));
    prepend(f, str_sub(key, 0, STEP_MAX));
    prepend(f, STR("[\""));
    return e;
}

str message_fault_text(const struct message_fault *f, struct arena *arena)
{
    str path = {.ptr = f->path + sizeof(f->path) - f->path_len, .len = f->path_len};

    if (path.len == 0) return arena_str(arena, str_from_c(f->reason));
    return arena_format(arena, "%" STR_FMT ": %s", STR_ARG(path), f->reason);
}
