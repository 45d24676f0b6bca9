// docs/mock.md shows the tables of keys and names; this keeps them true. UPDATE=1 rewrites them.
#include "assess/mock/mock_name.h"
#include "assess/mock/mock_script.h"

#include "support/golden.h"
#include "support/test.h"

static const char *const path = "docs/mock.md";

static void append(struct buf *out, str s)
{
    CHECK_EQ(buf_append(out, s), OK);
}

static void append_keys(struct buf *out)
{
    struct mock_script_key k;

    append(out, STR("\n| key | what it does |\n|---|---|\n"));
    for (size_t i = 0; mock_script_key(i, &k); i++) {
        CHECK_EQ(buf_append_format(out, "| `%" STR_FMT ".%" STR_FMT "` | %" STR_FMT " |\n",
                                   STR_ARG(k.section), STR_ARG(k.key), STR_ARG(k.help)),
                 OK);
    }
}

static void append_names(struct buf *out)
{
    struct mock_name_entry n;

    append(out, STR("\n| model | N, if it has none | what it does | short for |\n|---|---|---|---|"
                    "\n"));
    for (size_t i = 0; mock_name_entry(i, &n); i++) {
        bool takes_number = str_find_char(n.snippet, '@') < n.snippet.len;
        str preset = takes_number ? n.preset : STR("");
        CHECK_EQ(buf_append_format(out,
                                   "| `mock-%" STR_FMT "%s` | %" STR_FMT " | %" STR_FMT
                                   " | `%" STR_FMT "` |\n",
                                   STR_ARG(n.name), takes_number ? "-N" : "", STR_ARG(preset),
                                   STR_ARG(n.help), STR_ARG(n.snippet)),
                 OK);
    }
}

// Copies the document up to and including the line that opens a table, and passes the old table.
static void copy_to(struct buf *out, str *rest, const char *name)
{
    struct buf mark;

    buf_init(&mark, 100);
    CHECK_EQ(buf_append_format(&mark, "<!-- %s: from the table -->\n", name), OK);
    size_t at = str_find(*rest, buf_view(&mark));
    CHECK(at < rest->len);
    append(out, str_sub(*rest, 0, at + buf_len(&mark)));
    *rest = str_sub(*rest, at, rest->len);
    at = str_find(*rest, STR("\n<!-- end -->"));
    CHECK(at < rest->len);
    *rest = str_sub(*rest, at, rest->len);
    buf_done(&mark);
}

TEST(mock_docs_show_every_key_and_name)
{
    struct buf old;
    struct buf now;

    buf_init(&old, 1 << 20);
    buf_init(&now, 1 << 20);
    golden_read(path, &old);
    str rest = buf_view(&old);
    copy_to(&now, &rest, "names");
    append_names(&now);
    copy_to(&now, &rest, "keys");
    append_keys(&now);
    append(&now, rest);
    golden_check(path, buf_view(&now));
    buf_done(&old);
    buf_done(&now);
}
