#include "retrieval/ingest/values_file.h"

#include "retrieval/vector/row_values.h"

#include "support/test.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct bench {
    struct values_file file;
    struct values_file_problem problem;
    struct column_schema schema;
};

static err bench_open(struct bench *b, const char *text)
{
    char path[64];

    snprintf(path, sizeof(path), "/tmp/values-file-%d", (int)getpid());
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0);
    CHECK_EQ(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    column_schema_init(&b->schema);
    CHECK_EQ(column_schema_add(&b->schema, STR("year"), COLUMN_I64, 0), OK);
    CHECK_EQ(column_schema_add(&b->schema, STR("lang"), COLUMN_STRING, 0), OK);
    err e = values_file_open(&b->file, str_from_c(path), &b->schema, &b->problem);
    unlink(path);
    return e;
}

static struct column_value value_of(struct bench *b, uint64_t row, uint32_t column)
{
    str bytes = STR("");

    CHECK_EQ(b->file.values.fetch(&b->file.values, row, &bytes), OK);
    return row_values_get(&b->schema, bytes, column);
}

TEST(values_file_has_a_row_a_line_in_any_order)
{
    struct bench b;

    CHECK_EQ(
        bench_open(&b, "{\"year\":2001,\"lang\":\"d\\u0065\"}\r\n{}\n{\"other\":[1],\"year\":3}"),
        OK);
    CHECK_EQ(b.file.count, 3);
    CHECK_EQ(value_of(&b, 2, 0).i64, 3);
    CHECK_EQ(value_of(&b, 0, 0).i64, 2001);
    CHECK_STR(value_of(&b, 0, 1).text, "de");
    CHECK_EQ(value_of(&b, 1, 0).type, COLUMN_ABSENT);
    values_file_close(&b.file);
}

TEST(values_file_tells_which_line_is_wrong_and_how)
{
    struct bench b;

    CHECK_EQ(bench_open(&b, "{}\n{\"year\":1.5}\n"), ERR_SYNTAX);
    CHECK_EQ(b.problem.line, 2);
    CHECK_STR(str_from_c(b.problem.what), "is no object, or a value does not fit its column");
    CHECK_EQ(bench_open(&b, "{}\n\n{}"), ERR_SYNTAX);
    CHECK_EQ(b.problem.line, 2);
    CHECK_STR(str_from_c(b.problem.what), "is no JSON");
    CHECK_EQ(bench_open(&b, "{\"lang\":\"\xff\"}"), ERR_SYNTAX);
    CHECK_EQ(b.problem.line, 1);
    CHECK_STR(str_from_c(b.problem.what), "is not UTF-8");
}
