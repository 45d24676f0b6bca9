#include "cli/command.h"

#include <openssl/crypto.h>
#include <stdio.h>

int cmd_version(char **args)
{
    static const struct command_help help = {
        "version", "Prints the version of sluice and of what it was built with.\n"};
    int positional = 0;
    int exit_code = 0;

    if (!command_begin(&help, NULL, 0, args, &positional, &exit_code)) return exit_code;
    printf("sluice %s\n%s\nbuilt with %s\n", SLUICE_VERSION, OpenSSL_version(OPENSSL_VERSION),
           __VERSION__);
    return COMMAND_GOOD;
}
