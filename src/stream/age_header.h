/*
 * The header of an age file: a line with the version, a stanza for each recipient, a MAC.
 *
 *     age-encryption.org/v1
 *     -> X25519 <ephemeral share, base64>
 *     <file key, wrapped, base64 in lines of 64 columns; the last is shorter, and may be empty>
 *     --- <HMAC-SHA-256 of everything before the space, base64>
 *
 * Base64 is canonical and without padding, line ends are LF. A stanza of an unknown kind is passed
 * over, one of a known kind that is not as it must be refuses the whole.
 */
#pragma once

#include "stream/age_crypto.h"
#include <glib.h>
#include <stdbool.h>
#include <stddef.h>

#define AGE_VERSION_LINE "age-encryption.org/v1\n"
#define AGE_HEADER_MAX ((size_t)1024 * 1024) /* thousands of recipients */
#define AGE_SCRYPT_LOG_N_MAX 20              /* 1 GiB of memory; age itself writes 18 */

/* How long the header is that data begin with; 0 if its last line is not there yet. */
size_t age_header_size(const char *data, size_t size_bytes);

/* What can open it, as age.h knows it. */
typedef struct {
    const GArray *keys;           /* AgeKey: secret keys of X25519 */
    const GPtrArray *passphrases; /* char * */
} AgeOpeners;

/* A whole header: ERROR_INTEGRITY if it is malformed or was changed, ERROR_CONFIG if nothing fits.
 */
bool age_header_open(const char *data, size_t size_bytes, const AgeOpeners *openers,
                     AgeFileKey *file_key, GError **error);

/* Wraps the file key for each recipient. ERROR_CONFIG if one is no key that keeps a secret. */
GString *age_header_make(const AgeFileKey *file_key, const AgeKey *recipients, size_t n_recipients,
                         GError **error);
