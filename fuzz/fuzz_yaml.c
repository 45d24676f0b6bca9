// Any bytes as a configuration: settings or findings. What parses must print, and what is printed
// must parse to settings that print the same.
#include "base/buf.h"
#include "config/settings.h"
#include "config/settings_print.h"

#include <stdlib.h>

enum { PRINT_MAX = 16 << 20 };

static const char *const environment[] = {"KEY=sk-x", "HOST=a.example", "EMPTY=", NULL};

static err parse(str text, struct settings **out)
{
    struct diag d;

    diag_init(&d);
    err e = settings_parse(text, environment, &d, out);
    if ((e == OK) != (d.count == 0)) abort();
    diag_done(&d);
    return e;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct settings *first = NULL;
    struct settings *second = NULL;
    struct buf once;
    struct buf again;

    if (parse((str){.ptr = (const char *)bytes, .len = len}, &first)) return 0;
    buf_init(&once, PRINT_MAX);
    buf_init(&again, PRINT_MAX);
    if (settings_print(first, &once)) abort();
    // A printed text is longer than what it came from, and may pass the bound of a text.
    if (buf_len(&once) < 1 << 20) {
        if (parse(buf_view(&once), &second) || settings_print(second, &again)) abort();
        if (!str_eq(buf_view(&once), buf_view(&again))) abort();
    }
    settings_unref(first);
    settings_unref(second);
    buf_done(&once);
    buf_done(&again);
    return 0;
}
