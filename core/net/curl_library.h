/*
 * libcurl, loaded when the long lane makes its first call: with all it brings
 * (TLS, LDAP, Kerberos) it costs a start 13 ms, and most roles speak plain
 * HTTP over the short lane only. Its functions are called through the table.
 *
 * Threads: loading is done once for the process; the table is const then.
 */
#ifndef CCB_NET_CURL_LIBRARY_H
#define CCB_NET_CURL_LIBRARY_H

#include <curl/curl.h>

#include "ccbridge/error.h"

#define CCB_CURL_FUNCTIONS(X)                                                  \
    X(global_init)                                                             \
    X(easy_init)                                                               \
    X(easy_cleanup)                                                            \
    X(easy_getinfo)                                                            \
    X(easy_pause)                                                              \
    X(easy_setopt)                                                             \
    X(easy_strerror)                                                           \
    X(multi_add_handle)                                                        \
    X(multi_assign)                                                            \
    X(multi_cleanup)                                                           \
    X(multi_info_read)                                                         \
    X(multi_init)                                                              \
    X(multi_remove_handle)                                                     \
    X(multi_setopt)                                                            \
    X(multi_socket_action)                                                     \
    X(slist_append)                                                            \
    X(slist_free_all)

struct ccb_curl_library {
#define CCB_CURL_MEMBER(name) __typeof__(&curl_##name) name;
    CCB_CURL_FUNCTIONS(CCB_CURL_MEMBER)
#undef CCB_CURL_MEMBER
};
extern struct ccb_curl_library ccb_curl;

/* Before any other use; any number of times. CCB_NOT_FOUND, with the words of
 * the dynamic linker. */
int ccb_curl_load(struct ccb_error *err);

#endif
