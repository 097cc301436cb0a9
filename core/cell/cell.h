/*
 * The embedded cell as a role: a Receptor with its own executor behind it
 * (contract/embedded-cell.md). Flags: those of the receptor and of the cell
 * that mean something here (contract/receptor-api.md 13, actions.md 7).
 */
#ifndef CCB_CELL_CELL_H
#define CCB_CELL_CELL_H

#include "role/role.h"

extern const struct ccb_role ccb_receptor_role;

#endif
