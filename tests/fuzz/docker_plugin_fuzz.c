/* The docker plugin under any message: plugin_fuzz.h. */
static const char *const facts[] = {
    "",
    "{\"lifecycles\":{\"docker\":\"d/d.tgz\"},\"file_server_url\":"
    "\"http://fs\",\"docker_staging_stack\":\"cflinuxfs2\","
    "\"docker_registry_address\":\"registry:8080\"}",
    "{\"lifecycles\":{\"docker\":\"https://h/d.tgz\"},"
    "\"docker_staging_stack\":\"\",\"docker_registry_address\":7,"
    "\"insecure_docker_registry\":true}",
    "{\"lifecycles\":{\"docker\":\"://\"}}",
};
static const char gathered[] =
    "{\"ssh_keys\":{\"host_key\":\"H\\n\",\"host_fingerprint\":\"00:11\","
    "\"user_key\":\"U\\n\",\"authorized_key\":\"ssh-rsa A\\n\"},"
    "\"docker_registries\":[\"10.0.0.1\",\"10.0.0.2\"]}";

#include "plugin_fuzz.h"
