/* ccbridge: the person's command. All of it is in core/cli; this names the
 * version it was built as. */
#include "cli/cli.h"

int main(int argc, char **argv)
{
    return ccb_cli_main(argc, argv, CCB_VERSION);
}
