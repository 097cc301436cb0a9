/* Gives another table each time. */
#define MEMBER "moving-table"
#include "ccbridge/lifecycle.h"
#include <string.h>
static const void *get_interface(struct ccb_instance *self, const char *id);
#define OWN_GET_INTERFACE
#include "member.h"

static const void *get_interface(struct ccb_instance *self, const char *id)
{
    static struct ccb_ports_1 copies[8];
    static unsigned next;

    (void)self;
    if (strcmp(id, CCB_PORTS_1) != 0)
        return ccb_sdk_find_interface(interfaces, 3, id);
    copies[++next % 8] = ports;
    return &copies[next % 8];
}
