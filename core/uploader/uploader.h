/*
 * The uploader as a role (contract/fileserver-ccuploader.md 2).
 */
#ifndef CCB_UPLOADER_UPLOADER_H
#define CCB_UPLOADER_UPLOADER_H

#include "role/role.h"

extern const struct ccb_role ccb_cc_uploader_role;

#endif
