/*
 * The file server as a role (contract/fileserver-ccuploader.md 1).
 */
#ifndef CCB_FILES_FILE_SERVER_H
#define CCB_FILES_FILE_SERVER_H

#include "role/role.h"

extern const struct ccb_role ccb_file_server_role;

#endif
