#include "cli/command.h"
#include "cli/configuration.h"
#include "config/settings_print.h"

#include <stdio.h>

int cmd_check(char **args)
{
    static const struct command_help help = {
        "check -c FILE [--print]",
        "Validates a configuration and prints every finding as FILE:LINE:COL: message (hint).\n"
        "Exit code 0: valid; 1: not. With --print a valid one is shown as it takes effect, "
        "defaults\n"
        "and environment included, secrets masked.\n"};
    str path = STR("");
    bool wants_print = false;
    const struct option options[] = {
        {"config", 'c', "FILE", "the configuration", &path, NULL},
        {"print", '\0', NULL, "show it as it takes effect", NULL, &wants_print},
    };
    struct settings *settings = NULL;
    struct buf report;
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, options, 2, args, &positional, &exit_code)) return exit_code;
    if (positional == 1 && !path.len) path = str_from_c(args[0]);
    if (!path.len) return command_fail(COMMAND_USAGE, "which file? (usage: sluice %s)", help.usage);
    buf_init(&report, 1024 * 1024);
    if (configuration_load(path, &report, &settings)) {
        (void)fwrite(buf_view(&report).ptr, 1, buf_len(&report), stderr); // nowhere else to go
        buf_done(&report);
        return COMMAND_FAILED;
    }
    err e = wants_print ? settings_print(settings, &report) : OK;
    if (wants_print) {
        command_print(buf_view(&report));
    } else {
        printf("%s: valid: %zu providers, %zu models\n", path.ptr, settings->provider_count,
               settings->model_count);
    }
    settings_unref(settings);
    buf_done(&report);
    return e ? command_fail(COMMAND_FAILED, "too long to print") : COMMAND_GOOD;
}
