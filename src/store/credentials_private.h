/* Where credentials come from; for credentials*.c alone. */
#pragma once

#include "store/credentials.h"

typedef struct {
    char *profile, *region, *ca_file; /* NULL: not said */
    bool shielded;                    /* signals do not end a request */
} CredentialsSettings;

Credentials *credentials_new(const char *access_key, const char *secret_key, const char *token,
                             int64_t expires_us);

/* Of the environment; NULL if it is not set or empty. */
const char *credentials_variable(const char *name);

/* Each: *found stays NULL if it is not configured; false if it is and gives none. */
bool credentials_from_web_identity(const CredentialsSettings *settings, Credentials **found,
                                   GError **error);
bool credentials_from_files(const CredentialsSettings *settings, Credentials **found,
                            GError **error);
bool credentials_from_container(const CredentialsSettings *settings, Credentials **found,
                                GError **error);
bool credentials_from_instance(const CredentialsSettings *settings, Credentials **found,
                               GError **error);

/* credentials_remote.c: exchanges the token in a file for credentials of a role. */
bool credentials_exchange(const CredentialsSettings *settings, const char *token_file,
                          const char *role, const char *session, Credentials **found,
                          GError **error);

/* The JSON that containers, instances (token: "Token") and credential_process (token:
 * "SessionToken") give. what: for messages. */
bool credentials_parse(const char *text, size_t size_bytes, const char *token, const char *what,
                       Credentials **found, GError **error);
