/*
 * Credentials for AWS and what speaks like it, in the order that the SDKs look for them: the
 * environment; a web identity; the shared files (keys, a web identity, credential_process); the
 * endpoint of a container; the metadata service of an instance.
 *
 * No value of theirs is ever part of a message.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    char *access_key, *secret_key;
    char *token;        /* NULL: none */
    int64_t expires_us; /* wall clock; 0: never */
} Credentials;

Credentials *credentials_ref(Credentials *credentials);
void credentials_unref(Credentials *credentials);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Credentials, credentials_unref)

typedef struct CredentialsChain CredentialsChain;

/* profile: the only one to look at (a URL's); NULL: the environment decides. region and ca_file
 * serve the exchange of a web identity. All are copied. */
CredentialsChain *credentials_chain_new(const char *profile, const char *region,
                                        const char *ca_file);
void credentials_chain_free(CredentialsChain *chain);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(CredentialsChain, credentials_chain_free)

/* What is valid for minutes still: what was found before, or found anew. Safe from any thread; a
 * signal ends it unless shielded. ERROR_CONFIG if there are none. */
Credentials *credentials_get(CredentialsChain *chain, bool shielded, GError **error);

/* The store says that these are not valid any more: they are not given again. */
void credentials_drop(CredentialsChain *chain, const Credentials *refused);
