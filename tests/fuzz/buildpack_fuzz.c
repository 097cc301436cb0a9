/* The buildpack plugin under any message: plugin_fuzz.h. */
static const char *const facts[] = {
    "",
    "{\"lifecycles\":{\"buildpack/cflinuxfs2\":\"lc/b.tgz\",\"buildpack/\":"
    "\"https://h/x\"},\"file_server_url\":\"http://fs\",\"cc_uploader_url\":"
    "\"http://ccu\",\"skip_cert_verify\":true}",
    "{\"lifecycles\":{\"buildpack/cflinuxfs2\":\"://\"},\"cc_uploader_url\":7}",
    "{\"lifecycles\":{\"buildpack/cflinuxfs2\":\"/b\"}}",
};
static const char gathered[] =
    "{\"ssh_keys\":{\"host_key\":\"H\\n\",\"host_fingerprint\":\"00:11\","
    "\"user_key\":\"U\\n\",\"authorized_key\":\"ssh-rsa A\\n\"}}";

#include "plugin_fuzz.h"
