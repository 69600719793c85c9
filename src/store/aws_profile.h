/*
 * The files that users of AWS tools share: ~/.aws/config and ~/.aws/credentials, or where
 * AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE say.
 * https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

typedef struct AwsProfiles AwsProfiles;

/* Files that are not there are empty ones. ERROR_IO for one that cannot be read. */
AwsProfiles *aws_profiles_load(GError **error);
void aws_profiles_free(AwsProfiles *profiles);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AwsProfiles, aws_profiles_free)

bool aws_profiles_have(const AwsProfiles *profiles, const char *profile);

/* A setting of a profile; "s3.addressing_style" for one that stands indented below "s3 =". What
 * is in the credentials file wins. NULL if it is not set or empty. */
const char *aws_profile_get(const AwsProfiles *profiles, const char *profile, const char *key);

/* A setting of "[services NAME]". */
const char *aws_service_get(const AwsProfiles *profiles, const char *name, const char *key);

/* AWS_PROFILE, else "default". */
const char *aws_profile_default(void);
