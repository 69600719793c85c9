/*
 * Taking the members out of a tar or zip from outside, into one folder without folders in it.
 *
 * Refused with ERROR_INTEGRITY: links, devices and everything else that is no regular file; names
 * that are absolute, lead upwards, hold backslashes, drive letters or control characters; two
 * members of one name; members in different folders; more than one member where one is no part of
 * a dump; sparse and encrypted members; too many; an archive that ends too early, or goes on behind
 * its end.
 */
#pragma once

#include "snapshot/intake_spool.h"

typedef struct {
    char *member; /* path of the only member, if it is no part of a dump's folder; else NULL */
    bool is_pg_dump_tar; /* it has a restore.sql: pg_dump -Ft */
} IntakeUnpacked;

/* A tar from a stream, which it takes. */
bool intake_unpack_tar(IntakeSpool *spool, Source *source, const char *folder,
                       IntakeUnpacked *unpacked, GError **error);
/* Gives the members of a tar to each() as they come, instead of writing them; each() reads all of
 * content. Two of one name are for each() to refuse. Takes source. */
typedef bool (*IntakeMemberFunc)(const char *name, Source *content, gpointer data, GError **error);
bool intake_read_tar(Source *source, IntakeMemberFunc each, gpointer data, GError **error);
/* A zip, whose directory is at its end. */
bool intake_unpack_zip(IntakeSpool *spool, const char *path, const char *folder,
                       IntakeUnpacked *unpacked, GError **error);
