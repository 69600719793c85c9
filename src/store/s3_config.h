/* What an s3:// URL, the environment and the shared files say of a store (docs/stores.md). */
#pragma once

#include "store/store.h"
#include <glib.h>
#include <stdbool.h>

typedef enum { S3_CHECKSUM_SHA256, S3_CHECKSUM_MD5, S3_CHECKSUM_NONE } S3Checksum;

/* Where the bucket stands: in front of the host, or at the beginning of the path. */
typedef enum { S3_STYLE_AUTO, S3_STYLE_HOST, S3_STYLE_PATH } S3Style;

typedef struct {
    char *bucket;
    char *prefix;   /* "" or "a/b/" */
    char *endpoint; /* "https://host:port/path" without a slash at the end; NULL: that of AWS for
                       the region */
    char *region;
    S3Style style;
    char *ca_file; /* NULL: the system's */
    char *profile; /* NULL: AWS_PROFILE, or "default" */
    S3Checksum checksum;
    char *sse, *sse_key; /* NULL: the bucket's own */
    StoreLock retain;    /* how long every object is locked, if the put does not say */
    int64_t retain_ms;
    uint64_t part_bytes; /* of the first parts */
    int parallel;
    int tries;          /* of a request */
    int64_t timeout_ms; /* without a byte */
} S3Config;

/* Form alone: nothing is read but the URL. ERROR_CONFIG, which does not show the URL. */
S3Config *s3_config_parse(const char *url, GError **error);

/* Fills from the environment and the shared files what the URL has left open; no style is
 * S3_STYLE_AUTO then. */
bool s3_config_complete(S3Config *config, GError **error);

void s3_config_free(S3Config *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(S3Config, s3_config_free)
