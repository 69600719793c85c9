/*
 * age v1 (age-encryption.org/v1, C2SP's age.md): encryption to public keys, and decryption with
 * secret keys or a passphrase, as filters of streams. What is written here is read by any age, and
 * the other way round; armour, plugins and SSH keys are not.
 *
 * The payload is sealed in chunks of 64 KiB, which threads work on side by side; what comes out is
 * in order, and memory is bounded by a few blocks of chunks. Nothing is handed on that was not
 * proven: what is torn, reordered, appended to or changed is ERROR_INTEGRITY at the latest where it
 * differs, so that the end of the source alone says that all of it is there.
 */
#pragma once

#include "stream/age_crypto.h"
#include "stream/sink.h"
#include "stream/source.h"

/* A public key, "age1...". ERROR_CONFIG if it is none. */
bool age_recipient_parse(const char *text, AgeKey *recipient, GError **error);

/* What may open a file: secret keys, or passphrases. */
typedef struct AgeIdentities AgeIdentities;
AgeIdentities *age_identities_new(void);
void age_identities_free(AgeIdentities *identities);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(AgeIdentities, age_identities_free)

/* Adds the keys of a file as age-keygen writes it: AGE-SECRET-KEY-1... one a line, with comments
 * (#) and empty lines. May be a pipe. Messages name path and line, and never what stands there. */
bool age_identities_add_file(AgeIdentities *identities, const char *path, GError **error);
/* The same, of text in memory; name is for messages. */
bool age_identities_add_text(AgeIdentities *identities, const char *name, const char *text,
                             size_t size_bytes, GError **error);
/* Adds the first line of a file. */
bool age_identities_add_passphrase_file(AgeIdentities *identities, const char *path,
                                        GError **error);
void age_identities_add_passphrase(AgeIdentities *identities, const char *passphrase);
bool age_identities_are_none(const AgeIdentities *identities);

/* Encrypts to all recipients (AgeKey, at least one; copied). Takes next, also on error. */
Sink *sink_age_new(Sink *next, const AgeKey *recipients, size_t n_recipients, GError **error);

/* Decrypts; takes next, also on error. Nothing is read before the first source_read(). identities
 * must outlive it. what is for messages. ERROR_CONFIG if none of the identities fits. */
Source *source_age_new(Source *next, const char *what, const AgeIdentities *identities);
