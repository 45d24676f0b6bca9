#include "codec/yaml.h"

#include "base/memory.h"
#include "base/random.h"

#include "support/test.h"

#include <string.h>
#include <unistd.h>

struct fixture {
    struct arena arena;
    struct diag diag;
    struct buf printed;
    const struct yaml_node *root;
};

static err parse(struct fixture *f, str text)
{
    *f = (struct fixture){0};
    arena_init(&f->arena, 4096);
    diag_init(&f->diag);
    buf_init(&f->printed, 1 << 20);
    return yaml_parse(text, &f->arena, &f->diag, &f->root);
}

static void done(struct fixture *f)
{
    buf_done(&f->printed);
    diag_done(&f->diag);
    arena_reset(&f->arena);
}

static void check_refused(str text, err e, str printed)
{
    struct fixture f;

    CHECK_EQ(parse(&f, text), e);
    CHECK(!f.root);
    CHECK_EQ(diag_print(&f.diag, STR("f"), &f.printed), OK);
    CHECK_SAME(buf_view(&f.printed), printed);
    done(&f);
}

// `count` times `unit`, refused within the bounds; the findings are beside the point.
static err parse_repeated(str unit, size_t count)
{
    struct fixture f;
    char *text = memory_alloc_raw(unit.len * count);

    for (size_t i = 0; i < count; i++) {
        memcpy(text + i * unit.len, unit.ptr, unit.len);
    }
    err e = parse(&f, (str){.ptr = text, .len = unit.len * count});
    CHECK_EQ(e != OK, f.diag.count > 0);
    done(&f);
    memory_free(text);
    return e;
}

TEST(yaml_reads_a_tree_with_places)
{
    struct fixture f;

    CHECK_EQ(parse(&f, STR("# top\nlisten:\n  address: \":80\"\nlist: [a, {b: c}]\n")), OK);
    CHECK_EQ(f.root->kind, YAML_MAPPING);
    CHECK_EQ(f.root->count, 2);
    const struct yaml_node *address = yaml_get(yaml_get(f.root, STR("listen")), STR("address"));
    CHECK_STR(address->text, ":80");
    CHECK_EQ(address->key_place.line, 3);
    CHECK_EQ(address->key_place.column, 3);
    CHECK_EQ(address->place.column, 12);
    const struct yaml_node *list = yaml_get(f.root, STR("list"));
    CHECK_EQ(list->kind, YAML_SEQUENCE);
    CHECK_EQ(list->count, 2);
    CHECK_STR(list->first->text, "a");
    CHECK_STR(yaml_get(list->first->next, STR("b"))->text, "c");
    CHECK(!yaml_get(f.root, STR("absent")));
    CHECK(!yaml_get(list, STR("a")));
    done(&f);
}

TEST(yaml_reads_every_style_of_scalar)
{
    struct fixture f;

    CHECK_EQ(parse(&f, STR("- plain text\n- 'it''s'\n- \"tab\\tA\\x41\\u00e9\"\n"
                           "- |\n  two\n  lines\n- >-\n  one\n  line\n- \"\"\n-\n- é\n")),
             OK);
    const char *want[] = {"plain text", "it's", "tab\tAA\xc3\xa9", "two\nlines\n", "one line",
                          "",           "",     "\xc3\xa9"};
    const struct yaml_node *n = f.root->first;
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++, n = n->next) {
        CHECK_SAME(n->text, str_from_c(want[i]));
    }
    CHECK(!n);
    done(&f);
}

TEST(yaml_null_is_what_is_not_there)
{
    struct fixture f;

    CHECK_EQ(parse(&f, STR("[null, ~, 'null', \"\", 0, [], nil]")), OK);
    const bool want[] = {true, true, false, false, false, false, false};
    const struct yaml_node *n = f.root->first;
    for (size_t i = 0; i < sizeof(want) / sizeof(*want); i++, n = n->next) {
        CHECK_EQ(yaml_is_null(n), want[i]);
    }
    done(&f);
}

TEST(yaml_an_empty_document_is_null)
{
    const str texts[] = {STR(""), STR("\n\n"), STR("# nothing\n"), STR("---\n"),
                         STR("\xef\xbb\xbf")};

    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        struct fixture f;
        CHECK_EQ(parse(&f, texts[i]), OK);
        CHECK(yaml_is_null(f.root));
        done(&f);
    }
}

TEST(yaml_an_implied_null_has_the_place_of_its_key)
{
    struct fixture f;

    CHECK_EQ(parse(&f, STR("a: 1\n  \nlimits:\n")), OK);
    CHECK_EQ(yaml_get(f.root, STR("limits"))->place.line, 3);
    done(&f);
}

TEST(yaml_skips_a_byte_order_mark)
{
    struct fixture f;

    CHECK_EQ(parse(&f, STR("\xef\xbb\xbf"
                           "a: b\r\nc: d\r\n")),
             OK);
    CHECK_STR(yaml_get(f.root, STR("a"))->text, "b");
    CHECK_STR(yaml_get(f.root, STR("c"))->text, "d");
    done(&f);
}

TEST(yaml_syntax_errors_have_a_place)
{
    check_refused(STR("a: 1\nb: \"\\q\"\n"), ERR_SYNTAX,
                  STR("f:2:5: not YAML: invalid escape 'q' in double-quoted string\n"));
    check_refused(STR("a: b: c\n"), ERR_SYNTAX,
                  STR("f:1:5: not YAML: invalid nested block mapping on the same line\n"));
    check_refused(STR("a: @x\n"), ERR_SYNTAX,
                  STR("f:1:4: not YAML: plain scalar cannot start with '@'\n"));
}

TEST(yaml_refuses_what_configuration_has_no_need_of)
{
    check_refused(STR("a: &x 1\n"), ERR_SYNTAX, STR("f:1:7: anchors are not supported\n"));
    check_refused(STR("a: *x\n"), ERR_SYNTAX, STR("f:1:5: aliases are not supported\n"));
    check_refused(STR("a: !!str 1\n"), ERR_SYNTAX, STR("f:1:10: tags are not supported\n"));
    check_refused(STR("a: 1\n---\nb: 1\n"), ERR_SYNTAX, STR("f:2:1: a second document\n"));
    check_refused(STR("? [a]\n: b\n"), ERR_SYNTAX, STR("f:1:3: a key must be a scalar\n"));
}

TEST(yaml_refuses_a_key_that_stands_twice)
{
    check_refused(STR("a: 1\nb:\n  c: 1\n  'c': [2, 3]\na: {x: 1}\n"), ERR_SYNTAX,
                  STR("f:4:3: the key stands twice in its mapping (first on line 3)\n"
                      "f:5:1: the key stands twice in its mapping (first on line 1)\n"));
}

TEST(yaml_refuses_bytes_that_are_not_text)
{
    check_refused(STR("a: 1\nb: \x01\n"), ERR_SYNTAX, STR("f:2:4: a control byte\n"));
    check_refused(STR("a: \x7f"), ERR_SYNTAX, STR("f:1:4: a control byte\n"));
    check_refused(STR("a\0b"), ERR_SYNTAX, STR("f:1:2: a control byte\n"));
    check_refused(STR("a: \xff"), ERR_SYNTAX, STR("f:1:4: the text is not UTF-8\n"));
    check_refused(STR("\xc0\x80"), ERR_SYNTAX, STR("f:1:1: the text is not UTF-8\n"));
    check_refused(STR("\xed\xa0\x80"), ERR_SYNTAX, STR("f:1:1: the text is not UTF-8\n"));
    check_refused(STR("\xf4\x90\x80\x80"), ERR_SYNTAX, STR("f:1:1: the text is not UTF-8\n"));
    check_refused(STR("\xe2\x82"), ERR_SYNTAX, STR("f:1:1: the text is not UTF-8\n"));
}

TEST(yaml_refuses_what_libfyaml_misreads)
{
    check_refused(STR("a: 'x''''y'"), ERR_SYNTAX,
                  STR("f:1:4: several quotes in a row inside single quotes; use double quotes\n"));
    check_refused(STR("|\n"), ERR_SYNTAX,
                  STR("f:2:1: an empty block or a zero byte in a scalar\n"));
    check_refused(STR("\"a\\0b\""), ERR_SYNTAX,
                  STR("f:1:1: an empty block or a zero byte in a scalar\n"));
}

TEST(yaml_is_bounded)
{
    char deep[2 * YAML_DEPTH_MAX + 2];
    struct fixture f;

    memset(deep, '[', sizeof(deep) / 2);
    memset(deep + sizeof(deep) / 2, ']', sizeof(deep) / 2);
    CHECK_EQ(parse(&f, (str){.ptr = deep + 1, .len = sizeof(deep) - 2}), OK);
    done(&f);
    CHECK_EQ(parse(&f, (str){.ptr = deep, .len = sizeof(deep)}), ERR_LIMIT);
    done(&f);
    CHECK_EQ(parse_repeated(STR("["), YAML_TEXT_MAX), ERR_LIMIT);
    CHECK_EQ(parse_repeated(STR("{a: "), YAML_TEXT_MAX / 4), ERR_LIMIT);
    CHECK_EQ(parse_repeated(STR("- "), 1000), ERR_LIMIT);
    CHECK_EQ(parse_repeated(STR("- a\n"), YAML_NODES_MAX - 1), OK);
    CHECK_EQ(parse_repeated(STR("- a\n"), YAML_NODES_MAX), ERR_LIMIT);
    CHECK_EQ(parse_repeated(STR(" "), YAML_TEXT_MAX), OK);
    CHECK_EQ(parse_repeated(STR(" "), YAML_TEXT_MAX + 1), ERR_LIMIT);
}

TEST(yaml_bounds_the_keys_of_a_mapping)
{
    struct buf text;
    struct fixture f;

    buf_init(&text, 1 << 16);
    for (int i = 0; i < YAML_KEYS_MAX; i++) {
        CHECK_EQ(buf_append_format(&text, "k%d: v\n", i), OK);
    }
    CHECK_EQ(parse(&f, buf_view(&text)), OK);
    CHECK_EQ(f.root->count, YAML_KEYS_MAX);
    done(&f);
    CHECK_EQ(buf_append(&text, STR("one: more\n")), OK);
    CHECK_EQ(parse(&f, buf_view(&text)), ERR_LIMIT);
    done(&f);
    buf_done(&text);
}

// Every prefix, and the text with random bytes changed: an answer, and never a crash.
TEST(yaml_survives_damaged_text)
{
    const str good = STR("listen: {address: \"127.0.0.1:8080\"}\nmodels:\n  - name: 'a''b'\n"
                         "    list: [1, \"\\u00e9\", >-\n      folded\n  - {x: y}\n# end\n");
    struct random r;

    random_init(&r, test_seed());
    for (size_t len = 0; len <= good.len; len++) {
        struct fixture f;
        err e = parse(&f, str_sub(good, 0, len));
        CHECK_EQ(e == OK, f.root != NULL);
        done(&f);
    }
    for (int round = 0; round < 2000; round++) {
        char bytes[256];
        struct fixture f;
        memcpy(bytes, good.ptr, good.len);
        for (int i = 0; i < 3; i++) {
            bytes[random_below(&r, good.len)] = " \n\t:-[]{}'\"&*!|>%#,?ax"[random_below(&r, 22)];
        }
        err e = parse(&f, (str){.ptr = bytes, .len = good.len});
        CHECK_EQ(e == OK, f.root != NULL);
        CHECK_EQ(e == OK, f.diag.count == 0);
        done(&f);
    }
}

// libfyaml would explain itself on stderr; only the diag may.
TEST(yaml_prints_nothing)
{
    int ends[2];
    int kept = dup(STDERR_FILENO);
    char bytes[16];

    CHECK_EQ(pipe(ends), 0);
    CHECK(dup2(ends[1], STDERR_FILENO) >= 0);
    close(ends[1]);
    struct fixture f;
    err e = parse(&f, STR("a: [\n"));
    CHECK(dup2(kept, STDERR_FILENO) >= 0);
    close(kept);
    CHECK_EQ(e, ERR_SYNTAX);
    CHECK_EQ(read(ends[0], bytes, sizeof(bytes)), 0);
    close(ends[0]);
    done(&f);
}
