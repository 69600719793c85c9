/*
 * The bytes of an archive from outside, as sources: from a descriptor, looked at before they are
 * taken, and decompressed. What is torn, damaged or followed by anything is ERROR_INTEGRITY.
 *
 * libarchive decompresses, through its libraries and never through a program; gzip is zlib's, since
 * libarchive does not compare the checksum at its end.
 */
#pragma once

#include "snapshot/intake_detect.h"
#include "stream/age.h"
#include "stream/source.h"

/* Reads a descriptor, which it closes; a signal ends the wait for a pipe. what is for messages. */
Source *intake_descriptor_new(int fd, const char *what);

/* Passes everything on; intake_peek() shows the beginning before it is read (at most
 * INTAKE_HEAD_BYTES; less only if there is no more). The bytes belong to the source. */
Source *intake_peek_new(Source *next);
bool intake_peek(Source *peek, const char **head, size_t *size_bytes, GError **error);

/* Decrypts what is encrypted with age; takes next, also on error. ERROR_CONFIG without identities
 * (NULL or none), which must outlive it. */
Source *intake_decrypt_new(Source *next, const AgeIdentities *identities, GError **error);

/* Decompresses one or more streams of that kind, to the end of next, which it owns. ERROR_CONFIG if
 * they are compressed twice. */
Source *intake_decode_new(Source *next, IntakeMagic compression);
