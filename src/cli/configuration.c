#include "cli/configuration.h"

#include "cli/certificates.h"
#include "gateway/services.h"
#include "io/file.h"

#include <string.h>
#include <unistd.h>

enum { CONFIGURATION_BYTES_MAX = 4 * 1024 * 1024 };

// The folder of a file, absolute; links are kept, since what they point to may be exchanged. Empty
// where it can't be told.
static str folder_of(str path, char room[FILE_PATH_MAX])
{
    struct buf b;
    char cwd[FILE_PATH_MAX];
    size_t len = path.len;

    while (len && path.ptr[len - 1] != '/') {
        len--;
    }
    buf_init(&b, FILE_PATH_MAX);
    err e = OK;
    if (!str_starts(path, STR("/")) && getcwd(cwd, sizeof(cwd)))
        e = buf_append_format(&b, "%s/", cwd);
    if (!e) e = buf_append(&b, str_sub(path, 0, len));
    str folder = e ? STR("") : buf_view(&b);
    if (folder.len) memcpy(room, folder.ptr, folder.len);
    // Without the slash at its end, unless that is all.
    folder = (str){.ptr = room, .len = folder.len > 1 ? folder.len - 1 : folder.len};
    buf_done(&b);
    return folder;
}

static err parse(str path, struct diag *d, struct settings **out)
{
    const char *const *environment = (const char *const *)environ;
    struct buf text;
    char folder[FILE_PATH_MAX];

    if (!path.len) return settings_default(environment, d, out);
    buf_init(&text, CONFIGURATION_BYTES_MAX);
    err e = file_read(path, &text);
    if (e) {
        diag_add(d, (struct diag_place){0}, STR(""), "can't be read: %s", err_text(e));
    } else {
        e = settings_parse_in(folder_of(path, folder), buf_view(&text), environment, d, out);
    }
    buf_done(&text);
    return e;
}

// What the file of a descriptor set holds, in the settings' own memory.
static void read_descriptors(struct settings *s, struct settings_provider *p, struct diag *d)
{
    struct buf bytes;

    buf_init(&bytes, DESCRIPTOR_SET_MAX);
    err e = file_read(p->descriptor_set, &bytes);
    if (e)
        diag_add(d, p->descriptor_set_place,
                 STR("what protoc --include_imports --descriptor_set_out wrote"),
                 "provider %s: can't read %s: %s", p->name.ptr, p->descriptor_set.ptr, err_text(e));
    else
        p->descriptors = arena_str(&s->arena, buf_view(&bytes));
    buf_done(&bytes);
}

// The services of all providers, once their sets are there.
static void make_services(struct settings *s, struct diag *d)
{
    size_t findings = d->count;

    for (size_t i = 0; i < s->provider_count; i++) {
        if (s->providers[i].descriptor_set.len) read_descriptors(s, &s->providers[i], d);
    }
    // Every failure is a finding.
    if (d->count == findings) (void)services_attach(s, d);
}

// What the text alone can't tell.
static err look_around(struct settings *s, struct diag *d)
{
    struct tls_server *tls = NULL;
    char path[FILE_PATH_MAX];

    // Every failure is a finding.
    if (!certificates_make(s, NULL, d, &tls)) tls_server_unref(tls);
    for (size_t i = 0; i < s->provider_count; i++) {
        const struct settings_provider *p = &s->providers[i];
        if (!p->ca_file.len) continue;
        if (file_path_copy(p->ca_file, path) || access(path, R_OK) < 0)
            diag_add(d, p->ca_file_place, STR("a PEM file of one or more authorities"),
                     "provider %s: can't read %s", p->name.ptr, p->ca_file.ptr);
    }
    make_services(s, d);
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
