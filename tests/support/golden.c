#include "support/golden.h"

#include "support/test.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE = 4096, FILE_MAX = 1 << 20 };

void golden_read(const char *path, struct buf *out)
{
    FILE *file = fopen(path, "rb");
    size_t got;
    char *room;

    if (!file) test_fail(__FILE__, __LINE__, "%s: can't be read from here", path);
    do {
        if (buf_reserve(out, PIECE, &room)) test_fail(__FILE__, __LINE__, "%s: too long", path);
        got = fread(room, 1, PIECE, file);
        buf_grew(out, got);
    } while (got);
    fclose(file);
}

static void update(const char *path, str text)
{
    FILE *file = fopen(path, "wb");

    if (!file || fwrite(text.ptr, 1, text.len, file) != text.len || fclose(file))
        test_fail(__FILE__, __LINE__, "%s: can't be written", path);
    printf("wrote %s\n", path);
}

void golden_check(const char *path, str text)
{
    struct buf file;

    if (getenv("UPDATE")) {
        update(path, text);
        return;
    }
    buf_init(&file, FILE_MAX);
    golden_read(path, &file);
    bool is_same = str_eq(buf_view(&file), text);
    buf_done(&file);
    if (!is_same) test_fail(__FILE__, __LINE__, "%s is stale; run this test with UPDATE=1", path);
}
