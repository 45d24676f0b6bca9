#include "cli/configuration.h"

#include "io/file.h"

#include <unistd.h>

enum { CONFIGURATION_BYTES_MAX = 4 * 1024 * 1024 };

static err parse(str path, struct diag *d, struct settings **out)
{
    const char *const *environment = (const char *const *)environ;
    struct buf text;

    if (!path.len) return settings_default(environment, d, out);
    buf_init(&text, CONFIGURATION_BYTES_MAX);
    err e = file_read(path, &text);
    if (e) {
        diag_add(d, (struct diag_place){0}, STR(""), "can't be read: %s", err_text(e));
    } else {
        e = settings_parse(buf_view(&text), environment, d, out);
    }
    buf_done(&text);
    return e;
}

err configuration_load(str path, struct buf *report, struct settings **out)
{
    struct diag d;

    diag_init(&d);
    err e = parse(path, &d, out);
    // A report that is too long is clipped; its beginning says enough.
    if (e) (void)diag_print(&d, path.len ? path : STR("embedded configuration"), report);
    diag_done(&d);
    return e;
}
