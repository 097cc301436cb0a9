/*
 * The stager: takes staging requests from CC, makes tasks of them, and brings
 * the tasks' results back to CC (contract/stager.md part C).
 */
#ifndef CCB_STAGER_STAGER_H
#define CCB_STAGER_STAGER_H

#include "role/role.h"

extern const struct ccb_role ccb_stager_role;

#endif
