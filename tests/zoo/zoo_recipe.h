/* A staging recipe that the host takes; `more`: further members, each with a
 * comma behind it. */
#ifndef ZOO_RECIPE_H
#define ZOO_RECIPE_H

#define ZOO_ACTION                                                             \
    "{\"run\":{\"path\":\"/own\",\"user\":\"own\",\"resource_limits\":{}}}"
#define ZOO_RECIPE(more)                                                       \
    "{" more "\"rootfs\":\"preloaded:own\",\"action\":" ZOO_ACTION "}"

#endif
