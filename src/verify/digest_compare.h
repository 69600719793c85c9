/* Differences between two sets of digests, one by one. */
#pragma once

#include "verify/digest.h"

typedef enum {
    DIGEST_MISSING, /* expected, and not there */
    DIGEST_EXTRA,   /* there, and not expected */
    DIGEST_KIND,    /* a table that is a view now, ... */
    DIGEST_COLUMNS, /* other columns, or types that are read another way */
    DIGEST_ROWS,    /* another number of rows */
    DIGEST_CONTENT, /* as many rows, with other content */
    DIGEST_VALUE,   /* of a sequence */
    DIGEST_OBJECTS, /* content of large objects, or how many there are */
    DIGEST_ACCESS,  /* owners or access rights of large objects */
} DigestDifferenceKind;

typedef struct {
    DigestDifferenceKind kind;
    bool is_note;        /* no sign that anything was lost: see digest_compare_restored() */
    char relkind;        /* r, m, S; L: large objects */
    char *schema, *name; /* NULL for large objects */
    int64_t rows_expected, rows_found;  /* -1: none */
    char *value_expected, *value_found; /* of a sequence: "7", "7 (not used yet)"; may be NULL */
    char *line;                         /* in words, safe to print */
} DigestDifference;

void digest_difference_free(DigestDifference *difference);

/* DigestDifference *, empty if there is none. restored: as digest_compare_restored() sees it. */
GPtrArray *digest_differences(const DigestSet *expected, const DigestSet *actual, bool restored);

/* {"difference", "object", "schema", "name", "rows_expected", "rows_found", "value_expected",
 * "value_found", "text"}; what does not apply is left out. */
json_t *digest_difference_to_json(const DigestDifference *difference);
