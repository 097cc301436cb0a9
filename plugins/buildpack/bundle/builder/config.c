/*
 * The builder's nine flags (contract/lifecycle-buildpack.md A2). Invariant:
 * after success no text is empty.
 */
#include "builder.h"

#define TEXT(flag_name, member, default_value, words)                          \
    {                                                                          \
        .name = (flag_name), .type = CCB_FLAG_STRING,                          \
        .offset = offsetof(struct ccb_build_config, member),                   \
        .default_text = (default_value), .help = (words)                       \
    }
#define TRUTH(flag_name, member, words)                                        \
    {                                                                          \
        .name = (flag_name), .type = CCB_FLAG_BOOL,                            \
        .offset = offsetof(struct ccb_build_config, member),                   \
        .default_text = "false", .help = (words)                               \
    }

/* In byte order of the names: the order of complaints. */
static const struct ccb_flag flags[] = {
    TEXT("buildArtifactsCacheDir", cache_dir, "/tmp/cache",
         "directory that compile may keep files in for the next staging"),
    TEXT("buildDir", build_dir, "/tmp/app",
         "directory of the unpacked application"),
    TEXT("buildpackOrder", order, NULL,
         "comma-separated buildpack keys, tried in this order"),
    TEXT("buildpacksDir", buildpacks_dir, "/tmp/buildpacks",
         "directory above the buildpacks' own"),
    TEXT("outputBuildArtifactsCache", output_cache, "/tmp/output-cache",
         "file to write the build artifacts cache to"),
    TEXT("outputDroplet", output_droplet, "/tmp/droplet",
         "file to write the droplet to"),
    TEXT("outputMetadata", output_metadata, "/tmp/result.json",
         "file to write the result to"),
    TRUTH("skipCertVerify", skip_cert_verify,
          "do not verify certificates when a buildpack is downloaded"),
    TRUTH("skipDetect", skip_detect,
          "take the first usable buildpack without asking it"),
};

#define COUNT (sizeof(flags) / sizeof(flags[0]))

static int complain(const struct ccb_build_config *config, FILE *errors)
{
    int missing = 0;

    for (size_t i = 0; i < COUNT; i++) {
        const char *value;

        if (flags[i].type != CCB_FLAG_STRING)
            continue;
        memcpy(&value, (const char *)config + flags[i].offset, sizeof(value));
        if (*value != '\0')
            continue;
        (void)fprintf(errors, "%smissing flag: -%s", missing ? ", " : "",
                      flags[i].name);
        missing = 1;
    }
    if (missing)
        (void)fputc('\n', errors);
    return missing;
}

int ccb_build_configure(struct ccb_build_config *config, int argc,
                        char *const *argv, FILE *errors)
{
    struct ccb_flag_set set = {NULL, flags, COUNT, config};
    int words = argc > 1 ? argc - 1 : 0;

    /* The historic name, whatever the program is called by. */
    if (ccb_flags_parse(&set, 1, words, argv + (words > 0), "builder",
                        errors) != CCB_FLAGS_OK)
        return 2;
    return complain(config, errors);
}
