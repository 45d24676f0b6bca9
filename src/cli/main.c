// main: finds the command and runs it.
#include "base/diag.h"
#include "cli/command.h"

struct command {
    str name;
    int (*run)(char **args);
};

static const struct command commands[] = {
#define COMMAND(name, summary) {STR_INIT(#name), cmd_##name},
#include "cli/commands.def"
#undef COMMAND
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static int unknown(str name)
{
    str names[COMMANDS];

    for (size_t i = 0; i < COMMANDS; i++) {
        names[i] = commands[i].name;
    }
    str near = diag_nearest(name, names, COMMANDS);
    if (near.len)
        return command_fail(COMMAND_USAGE,
                            "unknown command \"%" STR_FMT "\"; did you mean %" STR_FMT
                            "? (sluice help lists all)",
                            STR_ARG(name), STR_ARG(near));
    return command_fail(COMMAND_USAGE, "unknown command \"%" STR_FMT "\" (sluice help lists all)",
                        STR_ARG(name));
}

int main(int argc, char **argv)
{
    str name = argc > 1 ? str_from_c(argv[1]) : STR("help");
    char *none[] = {NULL};

    if (str_eq(name, STR("--help")) || str_eq(name, STR("-h"))) name = STR("help");
    if (str_eq(name, STR("--version"))) name = STR("version");
    for (size_t i = 0; i < COMMANDS; i++) {
        if (str_eq(commands[i].name, name)) return commands[i].run(argc > 1 ? argv + 2 : none);
    }
    return unknown(name);
}
