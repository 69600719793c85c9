/* Bytes of archives, written down from the format's description and not by the code under test. */
#pragma once

#include <glib.h>
#include <string.h>

typedef struct {
    int id, has_data;
    const char *table_oid, *oid, *tag, *desc;
    int section;
    const char *defn, *drop, *copy, *schema, *tablespace, *access_method;
    int relkind;
    const char *owner;
    int deps[8]; /* ends with 0 */
    const char *file;
} Item;

typedef struct {
    int major, minor, int_bytes, offset_bytes, format, compression;
    const char *database;
    const Item *items;
    int count;
} Archive;

static inline void put_byte(GByteArray *out, int value)
{
    const guint8 byte = (guint8)value;
    g_byte_array_append(out, &byte, 1);
}

static inline void put_int(GByteArray *out, int value)
{
    const unsigned magnitude = (unsigned)(value < 0 ? -value : value);
    const guint8 bytes[] = {value < 0, magnitude & 255, magnitude >> 8 & 255, magnitude >> 16 & 255,
                            (guint8)(magnitude >> 24)};
    g_byte_array_append(out, bytes, sizeof bytes);
}

static inline void put_text(GByteArray *out, const char *text)
{
    put_int(out, text != NULL ? (int)strlen(text) : -1);
    if (text != NULL)
        g_byte_array_append(out, (const guint8 *)text, (guint)strlen(text));
}

static inline void put_item(GByteArray *out, const Archive *archive, const Item *item)
{
    put_int(out, item->id);
    put_int(out, item->has_data);
    put_text(out, item->table_oid != NULL ? item->table_oid : "0");
    put_text(out, item->oid != NULL ? item->oid : "0");
    put_text(out, item->tag);
    put_text(out, item->desc);
    put_int(out, item->section);
    put_text(out, item->defn);
    put_text(out, item->drop);
    put_text(out, item->copy);
    put_text(out, item->schema);
    put_text(out, item->tablespace);
    put_text(out, item->access_method);
    if (archive->minor >= 16)
        put_int(out, item->relkind);
    put_text(out, item->owner);
    put_text(out, "false");
    for (int i = 0; item->deps[i] != 0; i++) {
        g_autofree char *id = g_strdup_printf("%d", item->deps[i]);
        put_text(out, id);
    }
    put_text(out, NULL);
    if (archive->format == 1) {
        put_byte(out, item->has_data ? 1 : 3);
        for (int i = 0; i < archive->offset_bytes; i++)
            put_byte(out, 0);
    } else {
        put_text(out, item->file != NULL ? item->file : "");
    }
}

static inline GByteArray *archive_header(const Archive *archive)
{
    static const int created[] = {17, 29, 16, 22, 10, 126, 0};
    GByteArray *out = g_byte_array_new();
    g_byte_array_append(out, (const guint8 *)"PGDMP", 5);
    put_byte(out, archive->major);
    put_byte(out, archive->minor);
    put_byte(out, 0);
    put_byte(out, archive->int_bytes);
    put_byte(out, archive->offset_bytes);
    put_byte(out, archive->format);
    if (archive->minor >= 15)
        put_byte(out, archive->compression);
    else
        put_int(out, archive->compression);
    for (size_t i = 0; i < G_N_ELEMENTS(created); i++)
        put_int(out, created[i]);
    put_text(out, archive->database);
    put_text(out, "15.20 (Debian)");
    put_text(out, "15.20");
    return out;
}

static inline GByteArray *archive_bytes(const Archive *archive)
{
    GByteArray *out = archive_header(archive);
    put_int(out, archive->count);
    for (int i = 0; i < archive->count; i++)
        put_item(out, archive, &archive->items[i]);
    return out;
}

/* A table with a key, a sequence, a view of it and what belongs to the database. */
static const Item sample_items[] = {
    {.id = 21, .tag = "ENCODING", .desc = "ENCODING", .section = 2, .defn = "SET it;\n"},
    {.id = 22,
     .table_oid = "1262",
     .oid = "16393",
     .tag = "a \"b",
     .desc = "DATABASE",
     .section = 2,
     .defn = "CREATE DATABASE \"a \"\"b\" WITH TEMPLATE = template0 ENCODING = 'UTF8';\n",
     .drop = "DROP DATABASE \"a \"\"b\";\n",
     .owner = "o"},
    {.id = 23,
     .tag = "DATABASE \"a \"\"b\"",
     .desc = "COMMENT",
     .section = 1,
     .defn = "COMMENT ON DATABASE \"a \"\"b\" IS 'DATABASE \"a \"\"b\" it''s';\n",
     .owner = "o",
     .deps = {22}},
    {.id = 24,
     .tag = "DATABASE \"a \"\"b\"",
     .desc = "ACL",
     .section = 1,
     .defn = "GRANT CONNECT ON DATABASE \"a \"\"b\" TO database;\nSET SESSION AUTHORIZATION \"on "
             "DATABASE \"\"a \";\nGRANT CONNECT ON DATABASE \"a \"\"b\" TO "
             "\"DATABASE x\";\nRESET SESSION AUTHORIZATION;\n",
     .owner = "o",
     .deps = {22}},
    {.id = 25,
     .table_oid = "1262",
     .tag = "a \"b",
     .desc = "DATABASE PROPERTIES",
     .section = 2,
     .defn = "ALTER DATABASE \"a \"\"b\" CONNECTION LIMIT = 17;\nALTER ROLE a IN DATABASE \"a "
             "\"\"b\" SET work_mem TO '16MB';\n",
     .drop = "UPDATE pg_catalog.pg_database SET datistemplate = false WHERE datname = 'a \"b';\n",
     .owner = "o"},
    {.id = 3,
     .table_oid = "1259",
     .oid = "16400",
     .tag = "t",
     .desc = "TABLE",
     .section = 2,
     .defn = "CREATE TABLE public.t (id integer);\n",
     .drop = "DROP TABLE public.t;\n",
     .schema = "public",
     .tablespace = "",
     .access_method = "heap",
     .relkind = 'r',
     .owner = "o"},
    {.id = 4,
     .table_oid = "1259",
     .oid = "4000000000",
     .tag = "s",
     .desc = "SEQUENCE",
     .section = 2,
     .defn = "CREATE SEQUENCE public.s;\n",
     .schema = "public",
     .owner = "o"},
    {.id = 5,
     .has_data = 1,
     .oid = "16400",
     .tag = "t",
     .desc = "TABLE DATA",
     .section = 3,
     .copy = "COPY public.t (id) FROM stdin;\n",
     .schema = "public",
     .owner = "o",
     .deps = {3},
     .file = "5.dat"},
    {.id = 6,
     .tag = "s",
     .desc = "SEQUENCE SET",
     .section = 3,
     .defn = "SELECT pg_catalog.setval('public.s', 42, true);\n",
     .schema = "public",
     .owner = "o",
     .deps = {4, 5}},
    {.id = 7,
     .table_oid = "2606",
     .oid = "16404",
     .tag = "t t_pkey",
     .desc = "CONSTRAINT",
     .section = 4,
     .defn = "ALTER TABLE ONLY public.t ADD CONSTRAINT t_pkey PRIMARY KEY (id);\n",
     .schema = "public",
     .tablespace = "",
     .owner = "o",
     .deps = {3}},
    {.id = 8,
     .tag = "TABLE t",
     .desc = "COMMENT",
     .section = 1,
     .defn = "COMMENT ON TABLE public.t IS 'x';\n",
     .schema = "public",
     .owner = "o",
     .deps = {3}},
    {.id = 9,
     .tag = "unrelated",
     .desc = "TRIGGER",
     .section = 4,
     .schema = "public",
     .owner = "o",
     .deps = {4}},
};

static inline Archive sample_archive(int minor, int format)
{
    return (Archive){.major = 1,
                     .minor = minor,
                     .int_bytes = 4,
                     .offset_bytes = 8,
                     .format = format,
                     .compression = minor >= 15 ? 3 : -1,
                     .database = "a \"b",
                     .items = sample_items,
                     .count = G_N_ELEMENTS(sample_items)};
}
