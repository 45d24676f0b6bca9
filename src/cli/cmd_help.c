#include "cli/command.h"
#include "config/settings_reference.h"
#include "config/settings_schema.h"

#include <stdio.h>

struct help_row {
    str name;
    const char *summary;
    int (*run)(char **args);
};

static const struct help_row rows[] = {
#define COMMAND(name, summary) {STR_INIT(#name), summary, cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};

static const char intro[] =
    "sluice stands between applications and the models they use.\n"
    "\n"
    "  sluice mock &                  a pretend provider on http://127.0.0.1:8090/v1\n"
    "  sluice serve -c FILE           the gateway; point an OpenAI SDK at "
    "http://127.0.0.1:8080/v1\n"
    "\n"
    "commands:\n";

static int print_all(void)
{
    fputs(intro, stdout);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        printf("  %-10s %s\n", rows[i].name.ptr, rows[i].summary);
    }
    puts("\nsluice help COMMAND tells more; sluice help config lists every configuration key,\n"
         "sluice help schema prints its JSON Schema.");
    return COMMAND_GOOD;
}

static int print_written(err (*write)(struct buf *out))
{
    struct buf text;

    buf_init(&text, 1024 * 1024);
    err e = write(&text);
    command_print(buf_view(&text));
    buf_done(&text);
    return e ? COMMAND_FAILED : COMMAND_GOOD;
}

int cmd_help(char **args)
{
    str topic = args[0] ? str_from_c(args[0]) : STR("");
    char wants_help[] = "--help";
    char *forwarded[] = {wants_help, NULL};

    if (!topic.len || str_eq(topic, STR("help")) || topic.ptr[0] == '-') return print_all();
    if (str_eq(topic, STR("config"))) return print_written(settings_reference);
    if (str_eq(topic, STR("schema"))) return print_written(settings_schema);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (str_eq(rows[i].name, topic)) return rows[i].run(forwarded);
    }
    return command_fail(COMMAND_USAGE, "no help on \"%" STR_FMT "\" (sluice help lists all)",
                        STR_ARG(topic));
}
