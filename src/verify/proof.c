#include "verify/proof.h"
#include "base/error.h"
#include "base/log.h"
#include "base/text.h"
#include "verify/proof_catalog.h"
#include "verify/proof_effects.h"

/* Large objects live in these, with the same OIDs in every database. */
#define PG_LARGEOBJECT_OID 2613
#define PG_LARGEOBJECT_METADATA_OID 2995

#define BEGIN_READING "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

typedef struct {
    PgConnection *work, *keep;
    const DigestSet *baseline;
    const ProofTouched *touched;
    bool all;
    ProofOpenFunc open_keep;
    gpointer open_data;
    ProofCatalog *catalog;
    ProofEffects *effects;
    ProofResult *result;
} Proof;

/* The columns of a table before, sorted out. */
typedef struct {
    GArray *compared; /* int: there before and now, and not declared */
    bool whole;       /* compared is all that there was */
    bool same_types;  /* those compared have the types that they had */
} Columns;

/* ---- results ---- */

static void table_free(ProofTable *table)
{
    g_free(table->schema);
    g_free(table->name);
    g_free(table->difference);
    g_free(table);
}

void proof_result_free(ProofResult *result)
{
    if (!result)
        return;
    g_ptr_array_unref(result->tables);
    g_ptr_array_unref(result->findings);
    g_free(result);
}

json_t *proof_result_to_json(const ProofResult *result)
{
    json_t *tables = json_array();
    json_t *findings = json_array();
    for (guint i = 0; i < result->tables->len; i++) {
        const ProofTable *table = result->tables->pdata[i];
        json_t *object = json_object();
        json_set_text(object, "schema", table->schema);
        json_set_text(object, "name", table->name);
        json_set_text(object, "how", table->how);
        json_set_integer(object, "rows_before", table->rows_before);
        json_set_integer(object, "rows_after", table->rows_after);
        json_object_set_new(object, "ok", json_boolean(table->ok));
        json_set_text(object, "difference", table->difference);
        json_array_append_new(tables, object);
    }
    for (guint i = 0; i < result->findings->len; i++)
        json_array_append_new(findings, json_string(result->findings->pdata[i]));
    json_t *json = json_object();
    json_object_set_new(json, "tables", tables);
    json_object_set_new(json, "findings", findings);
    json_set_integer(json, "read_again", result->read_again);
    return json;
}

static void add_finding(Proof *proof, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void add_finding(Proof *proof, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(proof->result->findings, text_printable(line));
}

/* Gives the table a difference (the first one is kept) and the result a finding. */
static void differ(Proof *proof, ProofTable *table, const char *format, ...) G_GNUC_PRINTF(3, 4);
static void differ(Proof *proof, ProofTable *table, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_autofree char *what = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    add_finding(proof, "table %s.%s: %s", table->schema, table->name, what);
    table->ok = false;
    if (!table->difference)
        table->difference = text_printable(what);
}

static ProofTable *add_table(Proof *proof, const DigestTable *before)
{
    ProofTable *table = g_new0(ProofTable, 1);
    table->schema = g_strdup(before->schema);
    table->name = g_strdup(before->name);
    table->rows_before = before->digest.rows;
    table->ok = true;
    g_ptr_array_add(proof->result->tables, table);
    return table;
}

/* ---- reading ---- */

static bool begin_reading(PgConnection *connection, GError **error)
{
    if (pg_transaction(connection) != PG_IDLE) {
        error_set(error, ERROR_FAILED,
                  "cannot prove database '%s': a transaction is open on its "
                  "connection",
                  pg_database(connection));
        return false;
    }
    return pg_exec(connection, BEGIN_READING, error) && digest_pin(connection, error);
}

static void end_reading(PgConnection *connection)
{
    if (connection && pg_is_alive(connection) && pg_transaction(connection) != PG_IDLE)
        pg_exec(connection, "ROLLBACK", NULL);
}

/* Whether there is a copy to ask; proof->keep is NULL without an error if there is none. */
static bool need_keep(Proof *proof, GError **error)
{
    if (proof->keep || !proof->open_keep)
        return true;
    proof->keep = proof->open_keep(proof->open_data, error);
    if (proof->keep && begin_reading(proof->keep, error))
        return true;
    g_prefix_error(error, "while opening the copy from before the migration: ");
    return false;
}

static bool count_rows(PgConnection *connection, const DigestTable *table, int64_t *rows,
                       GError **error)
{
    g_autofree char *name = pg_qualified(table->schema, table->name);
    g_autofree char *sql = g_strdup_printf("SELECT count(*) FROM ONLY %s", name);
    g_autoptr(PgResult) result = pg_query(connection, error, sql, 0);
    if (!result) {
        g_prefix_error(error, "while counting the rows of table %s.%s: ", table->schema,
                       table->name);
        return false;
    }
    *rows = pg_integer(result, 0, 0);
    return true;
}

/* ---- tables ---- */

static const char *column_now(const ProofRelation *relation, int attnum, uint32_t *type)
{
    for (guint i = 0; i < relation->table->attnums->len; i++) {
        if (g_array_index(relation->table->attnums, int, i) == attnum) {
            *type = g_array_index(relation->table->types, ColumnType, i).oid;
            return relation->table->columns->pdata[i];
        }
    }
    return NULL;
}

static void columns_clear(Columns *columns)
{
    g_clear_pointer(&columns->compared, g_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Columns, columns_clear)

static Columns sort_columns(Proof *proof, ProofTable *table, const DigestTable *before,
                            const ProofRelation *relation, const ProofDeclared *declared)
{
    Columns columns = {
        .compared = g_array_new(FALSE, FALSE, sizeof(int)), .whole = true, .same_types = true};
    for (guint i = 0; i < before->attnums->len; i++) {
        int attnum = g_array_index(before->attnums, int, i);
        const char *name = before->columns->pdata[i];
        uint32_t type = 0;
        const char *now = column_now(relation, attnum, &type);
        bool may_change = proof_declares_column(declared, name, now);
        if (!now && !may_change)
            differ(proof, table,
                   "column %s was dropped, which no migration declares (writes %s(%s))", name,
                   table->name, name);
        if (now && !may_change) {
            g_array_append_val(columns.compared, attnum);
            columns.same_types &= type == g_array_index(before->types, ColumnType, i).oid;
        } else {
            columns.whole = false;
        }
    }
    return columns;
}

static const char *declaration(const ProofDeclared *declared)
{
    bool writes = declared->writes || declared->columns;
    if (declared->adds && declared->removes)
        return writes ? "declared: adds, removes, writes" : "declared: adds, removes";
    if (declared->adds)
        return writes ? "declared: adds, writes" : "declared: adds";
    if (declared->removes)
        return writes ? "declared: removes, writes" : "declared: removes";
    return "declared: writes";
}

static bool judge_count(Proof *proof, ProofTable *table, const ProofRelation *relation,
                        const ProofDeclared *declared, GError **error)
{
    if (!count_rows(proof->work, relation->table, &table->rows_after, error))
        return false;
    bool fewer = table->rows_after < table->rows_before;
    bool more = table->rows_after > table->rows_before;
    if ((fewer && !declared->removes) || (more && !declared->adds))
        differ(proof, table,
               "%" G_GINT64_FORMAT " rows before, %" G_GINT64_FORMAT
               " after; no migration declares that it %s rows here",
               table->rows_before, table->rows_after, fewer ? "removes" : "adds");
    return true;
}

/* Values of another type have other bytes in binary format; in text they may be the same. */
static CopyFormat format_for(const DigestTable *before, const Columns *columns)
{
    return columns->same_types ? before->format : COPY_TEXT;
}

/* Whether the digest from before answers, or the rows from before must be read another way. */
static bool baseline_answers(const DigestTable *before, const Columns *columns)
{
    return columns->whole && format_for(before, columns) == before->format;
}

static bool judge_digest(Proof *proof, ProofTable *table, const DigestTable *before,
                         const ProofRelation *relation, const Columns *columns, GError **error)
{
    const CopyFormat format = format_for(before, columns);
    RowDigest was = before->digest;
    RowDigest is = {0};
    if (!baseline_answers(before, columns) &&
        !digest_table(proof->keep, before, columns->compared, format, &was, error))
        return false;
    if (!digest_table(proof->work, relation->table, columns->compared, format, &is, error))
        return false;
    table->rows_after = is.rows;
    if (digest_equal(was, is))
        return true;
    if (was.rows != is.rows)
        differ(proof, table,
               "%" G_GINT64_FORMAT " rows before, %" G_GINT64_FORMAT
               " after; no migration declares it (adds, removes)",
               was.rows, is.rows);
    else
        differ(proof, table,
               "the content of its rows differs in %s; no migration declares it "
               "(writes %s)",
               columns->whole ? "columns that were there before"
                              : "columns that were to stay the same",
               table->name);
    return true;
}

/* Rows are to be as they were, over the columns that were kept and may not change. */
static bool judge_content(Proof *proof, ProofTable *table, const DigestTable *before,
                          const ProofRelation *relation, const ProofDeclared *declared,
                          const Columns *columns, GError **error)
{
    if (columns->compared->len == 0 && !columns->whole) {
        table->how = "same count: every column is declared or gone";
        return judge_count(proof, table, relation, declared, error);
    }
    if (!baseline_answers(before, columns)) {
        if (!need_keep(proof, error))
            return false;
        if (!proof->keep) {
            table->how =
                columns->whole
                    ? "same count only: types changed, and there is no copy to compare with"
                    : "same count only: there is no copy to compare columns with";
            return judge_count(proof, table, relation, declared, error);
        }
    }
    table->how = columns->whole      ? baseline_answers(before, columns)
                                           ? "same digest"
                                           : "same digest as text: types changed"
                 : declared->columns ? "same digest over columns not declared"
                                     : "same digest over kept columns";
    return judge_digest(proof, table, before, relation, columns, error);
}

static void judge_dropped(Proof *proof, ProofTable *table, const ProofDeclared *declared)
{
    table->how = declared->removes ? "dropped, declared: removes" : "dropped";
    if (!declared->removes)
        differ(proof, table, "it was dropped, which no migration declares (removes %s)",
               table->name);
}

static bool check_table(Proof *proof, const DigestTable *before, GError **error)
{
    const ProofRelation *relation = proof_catalog_find(proof->catalog, before->oid);
    const ProofDeclared *declared = proof_effects_find(proof->effects, before->oid);
    ProofTable *table = add_table(proof, before);
    if (!relation) {
        judge_dropped(proof, table, declared);
        return true;
    }
    if (!proof->all && !proof_may_have_written(proof->touched, before->oid)) {
        table->how = "not locked for writing";
        table->rows_after = table->rows_before;
        return true;
    }
    if (!relation->populated) {
        table->how = "emptied";
        if (!declared->writes && !declared->removes)
            differ(proof, table, "it is no longer populated, which no migration declares");
        return true;
    }
    log_progress("proving table %s.%s", before->schema, before->name);
    proof->result->read_again++;
    g_auto(Columns) columns = sort_columns(proof, table, before, relation, declared);
    if (declared->adds || declared->removes || declared->writes) {
        table->how = declaration(declared);
        return judge_count(proof, table, relation, declared, error);
    }
    return judge_content(proof, table, before, relation, declared, &columns, error);
}

/* ---- sequences ---- */

static bool declares_anything(const ProofDeclared *declared)
{
    return declared->adds || declared->removes || declared->writes || declared->columns;
}

/* A sequence moves with a table that rows are written to, and may start anywhere for a new one. */
static bool sequence_may_move(const Proof *proof, uint32_t oid)
{
    if (declares_anything(proof_effects_find(proof->effects, oid)))
        return true;
    const GArray *tables = g_hash_table_lookup(proof->catalog->feeds, GUINT_TO_POINTER(oid));
    for (guint i = 0; tables && i < tables->len; i++) {
        uint32_t table = g_array_index(tables, uint32_t, i);
        const ProofDeclared *declared = proof_effects_find(proof->effects, table);
        if (declared->adds || declared->writes || declared->columns ||
            !digest_find(proof->baseline, table))
            return true;
    }
    return false;
}

/* Which table a sequence fed that is gone is not on record any more; PostgreSQL names it after its
 * table (table_column_seq). It may go where a migration declares something about such a table. */
static bool sequence_may_go(const Proof *proof, const DigestTable *sequence)
{
    if (declares_anything(proof_effects_find(proof->effects, sequence->oid)))
        return true;
    for (guint i = 0; i < proof->baseline->tables->len; i++) {
        const DigestTable *table = proof->baseline->tables->pdata[i];
        g_autofree char *prefix = g_strconcat(table->name, "_", NULL);
        if (table->kind != 'S' && g_str_equal(table->schema, sequence->schema) &&
            g_str_has_prefix(sequence->name, prefix) &&
            declares_anything(proof_effects_find(proof->effects, table->oid)))
            return true;
    }
    return false;
}

static bool check_sequence(Proof *proof, const DigestTable *before, GError **error)
{
    const ProofRelation *relation = proof_catalog_find(proof->catalog, before->oid);
    if (!relation) {
        if (!sequence_may_go(proof, before))
            add_finding(proof,
                        "sequence %s.%s: it was dropped, which no migration declares "
                        "(removes %s)",
                        before->schema, before->name, before->name);
        return true;
    }
    if (!proof->all && !proof_may_have_written(proof->touched, before->oid))
        return true;
    if (!digest_sequence(proof->work, relation->table, error))
        return false;
    if (g_strcmp0(before->value, relation->table->value) != 0 &&
        !sequence_may_move(proof, before->oid))
        add_finding(proof,
                    "sequence %s.%s: its value differs; no migration declares it (writes %s)",
                    before->schema, before->name, before->name);
    return true;
}

/* ---- large objects ---- */

static bool check_large_objects(Proof *proof, GError **error)
{
    const ProofDeclared *declared = &proof->effects->large_objects;
    RowDigest was = proof->baseline->large_objects;
    RowDigest is = {0};
    if (!proof->all && !proof_may_have_written(proof->touched, PG_LARGEOBJECT_OID) &&
        !proof_may_have_written(proof->touched, PG_LARGEOBJECT_METADATA_OID))
        return true;
    if (!digest_large_objects(proof->work, &is, error))
        return false;
    bool fewer = is.rows<was.rows, more = is.rows> was.rows;
    if ((fewer && !declared->removes) || (more && !declared->adds) ||
        (!digest_equal(was, is) && !declares_anything(declared)))
        add_finding(proof,
                    "large objects: %" G_GINT64_FORMAT " before, %" G_GINT64_FORMAT
                    " after, and the content differs; no migration declares it (writes, adds or "
                    "removes pg_largeobject)",
                    was.rows, is.rows);
    return true;
}

/* ---- the proof ---- */

static bool check_all(Proof *proof, GError **error)
{
    for (guint i = 0; i < proof->baseline->tables->len; i++) {
        const DigestTable *before = proof->baseline->tables->pdata[i];
        bool checked = before->kind == 'S' ? check_sequence(proof, before, error)
                                           : check_table(proof, before, error);
        if (!checked)
            return false;
    }
    return check_large_objects(proof, error);
}

static bool prove(Proof *proof, const GPtrArray *pending, GError **error)
{
    if (!begin_reading(proof->work, error))
        return false;
    proof->catalog = proof_catalog_read(proof->work, error);
    if (!proof->catalog)
        return false;
    proof->effects = proof_effects_new(pending, proof->baseline, proof->catalog);
    for (guint i = 0; i < proof->effects->ambiguous->len; i++)
        add_finding(proof, "%s", (const char *)proof->effects->ambiguous->pdata[i]);
    return check_all(proof, error);
}

ProofResult *proof_check(PgConnection *work, const DigestSet *baseline, const ProofTouched *touched,
                         const GPtrArray *pending, bool all, ProofOpenFunc open_keep, gpointer data,
                         GError **error)
{
    g_autoptr(ProofResult) result = g_new0(ProofResult, 1);
    result->tables = g_ptr_array_new_with_free_func((GDestroyNotify)table_free);
    result->findings = g_ptr_array_new_with_free_func(g_free);
    Proof proof = {
        .work = work,
        .baseline = baseline,
        .touched = touched,
        .all = all || !touched,
        .open_keep = open_keep,
        .open_data = data,
        .result = result,
    };
    bool proven = prove(&proof, pending, error);
    log_progress_end();
    end_reading(work);
    end_reading(proof.keep);
    proof_effects_free(proof.effects);
    proof_catalog_free(proof.catalog);
    if (!proven) {
        g_prefix_error(error, "while proving the data of database '%s': ", pg_database(work));
        return NULL;
    }
    return g_steal_pointer(&result);
}
