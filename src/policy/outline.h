/*
 * The outline of a YAML file: which key, list entry and value stands on which line and column.
 *
 * libcyaml loads a policy into a struct and then no longer knows where a value came from; the
 * outline does, so that a bad duration is reported as exactly as a misspelt key. It is built first,
 * and refuses what a policy must not contain: more than one document, a key that is given twice,
 * anchors, aliases and tags (a reader would have to resolve them in the head), control characters,
 * bytes that are not UTF-8.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

typedef enum { OUTLINE_TEXT, OUTLINE_EMPTY, OUTLINE_LIST, OUTLINE_MAPPING } OutlineKind;

typedef struct OutlineNode OutlineNode;
struct OutlineNode {
    OutlineKind kind;
    const OutlineNode *parent; /* NULL for the whole file */
    char *key;                 /* NULL in a list and for the whole file */
    char *text;                /* as in the file, quotes resolved; NULL for lists and mappings */
    int key_line, key_column;  /* 1-based, of the key; 0 without one */
    int line, column;          /* 1-based, of the value; columns count characters */
    GPtrArray *children;       /* OutlineNode *; NULL for text */
};

/* Parses the text of a file; source is how messages name it. ERROR_CONFIG "source:line:column:
 * ...". The caller frees it with outline_free(). */
OutlineNode *outline_parse(const char *text, size_t size_bytes, const char *source, GError **error);
void outline_free(OutlineNode *node);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(OutlineNode, outline_free)

/* The value of a key of a mapping, or the entry of a list; NULL if there is none. */
const OutlineNode *outline_key(const OutlineNode *node, const char *key);
const OutlineNode *outline_entry(const OutlineNode *node, size_t index);

/* The first value without content (nothing, ~ or null) in or below node; NULL if there is none. */
const OutlineNode *outline_first_empty(const OutlineNode *node);

/* How messages call a node: "'fence.drain'", "entry 2 of 'accept'", "the policy". The caller frees
 * it. */
char *outline_name(const OutlineNode *node);
/* "text", "empty", "a list", "a mapping". */
const char *outline_kind_name(OutlineKind kind);
