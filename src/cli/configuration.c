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

// What the text alone can't tell.
static err look_around(const struct settings *s, struct diag *d)
{
    char path[FILE_PATH_MAX];

    for (size_t i = 0; i < s->provider_count; i++) {
        const struct settings_provider *p = &s->providers[i];
        if (!p->ca_file.len) continue;
        if (file_path_copy(p->ca_file, path) || access(path, R_OK) < 0)
            diag_add(d, (struct diag_place){0}, STR("providers.ca_file"),
                     "provider %s: can't read %s", p->name.ptr, p->ca_file.ptr);
    }
    return d->count ? ERR_ABSENT : OK;
}

err configuration_load(str path, struct buf *report, struct settings **out)
{
    struct diag d;

    diag_init(&d);
    struct settings *settings = NULL;
    err e = parse(path, &d, &settings);
    if (!e) e = look_around(settings, &d);
    if (e) {
        settings_unref(settings);
    } else {
        *out = settings;
    }
    // A report that is too long is clipped; its beginning says enough.
    if (e) (void)diag_print(&d, path.len ? path : STR("embedded configuration"), report);
    diag_done(&d);
    return e;
}
