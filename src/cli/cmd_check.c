#include "cli/command.h"
#include "cli/configuration.h"

#include <stdio.h>

int cmd_check(char **args)
{
    static const struct command_help help = {
        "check -c FILE",
        "Validates a configuration and prints every finding as FILE:LINE:COL: message (hint).\n"
        "Exit code 0: valid; 1: not.\n"};
    str path = STR("");
    const struct option options[] = {{"config", 'c', "FILE", "the configuration", &path, NULL}};
    struct settings *settings = NULL;
    struct buf report;
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, options, 1, args, &positional, &exit_code)) return exit_code;
    if (positional == 1 && !path.len) path = str_from_c(args[0]);
    if (!path.len) return command_fail(COMMAND_USAGE, "which file? (usage: sluice %s)", help.usage);
    buf_init(&report, 1024 * 1024);
    if (configuration_load(path, &report, &settings)) {
        (void)fwrite(buf_view(&report).ptr, 1, buf_len(&report), stderr); // nowhere else to go
        buf_done(&report);
        return COMMAND_FAILED;
    }
    printf("%s: valid: %zu providers, %zu models\n", path.ptr, settings->provider_count,
           settings->model_count);
    settings_unref(settings);
    buf_done(&report);
    return COMMAND_GOOD;
}
