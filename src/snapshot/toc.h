/*
 * The table of contents of a pg_dump archive, versions 1.14 (PostgreSQL 12 to 15), 1.15 (16) and
 * 1.16 (17, 18): read from the custom or the directory format, changed, and written as the
 * directory format's toc.dat.
 *
 * Source of the format: pg_backup_archiver.c (ReadHead, ReadToc, WriteHead, WriteToc). Strings are
 * kept as bytes in the archive's encoding; a NULL string and an empty one are different and both
 * survive. Every length and count is bounded: what an archive from outside may claim is not
 * believed.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { TOC_SECTION_NONE = 1, TOC_PRE_DATA, TOC_DATA, TOC_POST_DATA } TocSection;

typedef struct {
    int id;          /* dump id */
    bool has_data;   /* "dataDumper": there is a data member for it */
    char *table_oid; /* catalog and row of the object, as text; "0" where there is none */
    char *oid;
    char *tag;
    char *desc; /* "TABLE DATA" */
    TocSection section;
    char *defn, *drop, *copy;
    char *schema, *tablespace, *access_method;
    int relkind; /* since 1.16; 0 before */
    char *owner;
    char *with_oids; /* what the format still carries: "false" */
    GArray *deps;    /* int: dump ids that it depends on */
    char *file;      /* directory format: name of the data file; NULL or "" without one */
} TocEntry;

typedef struct {
    int minor, revision;         /* 14 to 16, usually 0 */
    int int_bytes, offset_bytes; /* sizes in the format: 4 and 8 */
    int compression; /* 1.14: the zlib level; since 1.15: the algorithm (0 none, 1 gzip, 2 lz4, 3
                        zstd) */
    int created[7];  /* struct tm: sec, min, hour, mday, mon, year, isdst */
    char *database;
    char *server_version; /* "15.20 (Debian 15.20-0+deb12u1)" */
    char *dump_version;
    GPtrArray *entries; /* TocEntry *, in the archive's order */
} Toc;

void toc_free(Toc *toc);
void toc_entry_free(TocEntry *entry);
TocEntry *toc_entry_copy(const TocEntry *entry);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Toc, toc_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC(TocEntry, toc_entry_free)

/* Gives exactly size_bytes, or fails with an error. */
typedef bool (*TocReadFunc)(void *data, size_t size_bytes, gpointer source, GError **error);

/* Reads header and table of contents; stops right behind it. ERROR_INTEGRITY says what is malformed
 * and at which byte and entry; ERROR_REFUSED names a version that is not known. */
Toc *toc_read(TocReadFunc read, gpointer source, GError **error);

/* The same from memory (a toc.dat), where nothing may follow. */
Toc *toc_parse(const void *data, size_t size_bytes, GError **error);

/* The directory format's toc.dat (its format byte is that of the tar format, as pg_dump writes it).
 * The caller frees it. */
GByteArray *toc_write(const Toc *toc);

/* NULL if there is none. Entries may be added or removed between calls. */
TocEntry *toc_find(const Toc *toc, int id);
int toc_next_id(const Toc *toc); /* above all that are used */

/* Columns in a data entry's COPY statement, unquoted, in order (char *; the caller frees the
 * array); ERROR_INTEGRITY if the statement is not one as pg_dump writes it. */
GPtrArray *toc_copy_columns(const TocEntry *entry, GError **error);

/* The copy statement with WITH (FORMAT binary). */
void toc_copy_set_binary(TocEntry *entry);

/*
 * Replaces the data entry by n parts: the entry itself and n - 1 copies right behind it with new
 * dump ids, each with the comment that keeps pg_restore from truncating the table before it ("--
 * load via partition root schema.table"; see restore_toc_entry() in pg_backup_archiver.c) and its
 * own file name, "<dump id>.dat". Every entry of the post-data section that depends on the table,
 * and every entry at all that depends on its data, then depends on all parts. parts (may be NULL)
 * gets the n entries, which belong to toc. With n = 1 nothing changes.
 */
void toc_split(Toc *toc, TocEntry *entry, int n, GPtrArray *parts);

/* Whether the rows of a data entry go in by way of a table above their own, and so into any of its
 * partitions: pg_dump has it so where the server may divide them anew (hashed by an enum). */
bool toc_loads_via_root(const TocEntry *entry);

/*
 * Where pg_dump has the rows of partitions loaded through the table at the top (it divides them by
 * a hash of OIDs), the rows of one may come into any other: whatever in the post-data section
 * depends on one of them or on its data then depends on the data of all. Stock pg_restore -j would
 * make a trigger of one partition, which then fires for the rows of the next. To be called before
 * toc_split(); does no harm after it.
 */
void toc_join_partitions(Toc *toc);

/*
 * Makes the archive speak of the database by another name, with these properties: header, DATABASE
 * entry (also its CREATE and DROP statements, tag and owner), and ACL, COMMENT, SECURITY LABEL and
 * DATABASE PROPERTIES of the database made anew from statements (char *, as
 * pg_properties_statements() gives them; NULL: the archive's own, renamed). All texts are in the
 * archive's encoding; owner may be NULL (it stays). ERROR_INTEGRITY, and nothing is changed, if the
 * archive does not describe its database as pg_dump does.
 */
bool toc_set_database(Toc *toc, const char *name, const char *owner, const GPtrArray *statements,
                      GError **error);

/* Values of a SEQUENCE SET entry as "42,t", the form that digests have (the caller frees it), and
 * the OID of its sequence (0 if the sequence has no entry itself: an extension makes it); NULL if
 * the entry is none. */
char *toc_sequence_value(const Toc *toc, const TocEntry *entry, uint32_t *oid);
