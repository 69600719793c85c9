#include "policy/schema.h"

#include "base/error.h"
#include "base/text.h"

#include <cyaml/cyaml.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * The keys. A new one is a line here, a member in schema.h, its meaning in policy.c and its section
 * in docs/policy.md. Numbers and durations are loaded as text, because libcyaml's numbers accept
 * "1x".
 */
/* NOLINTBEGIN(bugprone-macro-parentheses): types and members */
#define TEXT(type, member)                                                                         \
    CYAML_FIELD_STRING_PTR(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type, member, 1,     \
                           CYAML_UNLIMITED)
#define SECTION(member, fields)                                                                    \
    CYAML_FIELD_MAPPING(#member, CYAML_FLAG_OPTIONAL, PolicyFile, member, fields)
#define CHOICE(type, member, choices)                                                              \
    CYAML_FIELD_ENUM(#member, CYAML_FLAG_STRICT | CYAML_FLAG_OPTIONAL, type, member, choices,      \
                     CYAML_ARRAY_LEN(choices))
#define LIST(type, member)                                                                         \
    CYAML_FIELD_SEQUENCE_COUNT(#member, CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL, type,            \
                               member.entries, member.count, &text_entry, 0, CYAML_UNLIMITED)
/* NOLINTEND(bugprone-macro-parentheses) */

static const cyaml_schema_value_t text_entry = {
    CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, CYAML_UNLIMITED),
};

static const cyaml_strval_t strategies[] = {
    {"shadow", STRATEGY_SHADOW},
    {"in_place", STRATEGY_IN_PLACE},
};

static const cyaml_strval_t fence_hows[] = {
    {"name", FENCE_NAME},
    {"none", FENCE_NONE},
};

static const cyaml_strval_t clone_methods[] = {
    {"auto", CLONE_AUTO},
    {"file_copy", CLONE_FILE_COPY},
    {"wal_log", CLONE_WAL_LOG},
    {"none", CLONE_NONE},
};

static const cyaml_strval_t on_crash_words[] = {
    {"restore", ON_CRASH_RESTORE},
    {"continue", ON_CRASH_CONTINUE},
    {"ask", ON_CRASH_ASK},
};

static const cyaml_strval_t snapshot_formats[] = {
    {"auto", SNAPSHOT_FORMAT_AUTO},
    {"text", SNAPSHOT_FORMAT_TEXT},
};

static const cyaml_strval_t verify_data[] = {
    {"touched", VERIFY_TOUCHED},
    {"all", VERIFY_ALL},
};

static const cyaml_strval_t publish_befores[] = {
    {"open", PUBLISH_BEFORE_OPEN},
    {"migrate", PUBLISH_BEFORE_MIGRATE},
    {"nothing", PUBLISH_BEFORE_NOTHING},
};

static const cyaml_schema_field_t window_keys[] = {
    TEXT(WindowKeys, schedule),
    TEXT(WindowKeys, margin),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t fence_keys[] = {
    CHOICE(FenceKeys, how, fence_hows),
    TEXT(FenceKeys, drain),
    LIST(FenceKeys, before),
    LIST(FenceKeys, after),
    LIST(FenceKeys, standbys),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t timeouts_keys[] = {
    TEXT(TimeoutsKeys, connect),          TEXT(TimeoutsKeys, lock),
    TEXT(TimeoutsKeys, lock_attempts),    TEXT(TimeoutsKeys, statement),
    LIST(TimeoutsKeys, end_applications), TEXT(TimeoutsKeys, hook),
    TEXT(TimeoutsKeys, standby),          CYAML_FIELD_END,
};

static const cyaml_schema_field_t clone_keys[] = {
    CHOICE(CloneKeys, method, clone_methods),
    TEXT(CloneKeys, free),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t snapshot_keys[] = {
    TEXT(SnapshotKeys, jobs),
    TEXT(SnapshotKeys, level),
    CHOICE(SnapshotKeys, format, snapshot_formats),
    TEXT(SnapshotKeys, split),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t verify_keys[] = {
    CHOICE(VerifyKeys, data, verify_data),
    LIST(VerifyKeys, assertions),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t publish_keys[] = {
    CHOICE(PublishKeys, before, publish_befores),
    LIST(PublishKeys, to),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t encrypt_keys[] = {
    LIST(EncryptKeys, recipients),
    CYAML_FIELD_END,
};

static const cyaml_schema_field_t policy_keys[] = {
    CYAML_FIELD_STRING_PTR("policy", CYAML_FLAG_POINTER, PolicyFile, policy, 1, CYAML_UNLIMITED),
    TEXT(PolicyFile, migrations),
    TEXT(PolicyFile, state),
    TEXT(PolicyFile, control_database),
    CHOICE(PolicyFile, on_crash, on_crash_words),
    CHOICE(PolicyFile, strategy, strategies),
    SECTION(window, window_keys),
    SECTION(fence, fence_keys),
    SECTION(timeouts, timeouts_keys),
    SECTION(clone, clone_keys),
    SECTION(snapshot, snapshot_keys),
    SECTION(verify, verify_keys),
    SECTION(publish, publish_keys),
    SECTION(encrypt, encrypt_keys),
    LIST(PolicyFile, accept),
    CYAML_FIELD_END,
};

static const cyaml_schema_value_t policy_schema = {
    CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, PolicyFile, policy_keys),
};

/* What libcyaml says about a file that it does not like: first the problem, then the way from there
 * up to the root, a line for each level. */
typedef struct {
    char *problem;
    GPtrArray *trail; /* char *, innermost first */
} Complaint;

static void complaint_clear(Complaint *complaint)
{
    g_free(complaint->problem);
    g_clear_pointer(&complaint->trail, g_ptr_array_unref);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Complaint, complaint_clear)

static void collect(cyaml_log_t level, void *context, const char *format, va_list args)
    G_GNUC_PRINTF(3, 0);
static void collect(cyaml_log_t level, void *context, const char *format, va_list args)
{
    Complaint *complaint = context;
    g_autofree char *line = g_strchomp(g_strdup_vprintf(format, args));
    if (level < CYAML_LOG_ERROR)
        return;
    if (g_str_has_prefix(line, "  in "))
        g_ptr_array_add(complaint->trail, g_steal_pointer(&line));
    else if (complaint->problem == NULL)
        complaint->problem = g_steal_pointer(&line);
}

static cyaml_config_t config_new(Complaint *complaint)
{
    return (cyaml_config_t){
        .log_fn = complaint != NULL ? collect : NULL,
        .log_ctx = complaint,
        .mem_fn = cyaml_mem,
        .log_level = CYAML_LOG_ERROR,
        .flags = CYAML_CFG_NO_ALIAS,
    };
}

/* What the trail leads to: the node of the outline and its schema. Lines that name nothing ("  in
 * mapping") belong to the level above them. */
static const OutlineNode *follow_trail(const GPtrArray *trail, const OutlineNode *node,
                                       const cyaml_schema_value_t **schema)
{
    *schema = &policy_schema;
    for (guint i = trail->len; i-- > 0;) {
        const char *line = g_ptr_array_index(trail, i);
        g_auto(GStrv) parts = g_strsplit(line, "'", 3);
        const OutlineNode *next = NULL;
        if (g_strv_length(parts) != 3)
            continue;
        if (g_str_has_prefix(line, "  in sequence entry ") && (*schema)->type == CYAML_SEQUENCE) {
            next = outline_entry(node, (size_t)(g_ascii_strtoull(parts[1], NULL, 10) - 1));
            *schema = (*schema)->sequence.entry;
        } else if ((*schema)->type == CYAML_MAPPING) {
            const cyaml_schema_field_t *field = (*schema)->mapping.fields;
            while (field->key != NULL && strcmp(field->key, parts[1]) != 0)
                field++;
            next = outline_key(node, parts[1]);
            *schema = field->key != NULL ? &field->value : *schema;
        }
        if (next == NULL)
            break;
        node = next;
    }
    return node;
}

/* The words that a schema allows: the keys of a mapping, or the values of a choice. */
static GPtrArray *allowed_words(const cyaml_schema_value_t *schema)
{
    GPtrArray *words = g_ptr_array_new();
    if (schema->type == CYAML_MAPPING) {
        for (const cyaml_schema_field_t *field = schema->mapping.fields; field->key != NULL;
             field++)
            g_ptr_array_add(words, (char *)field->key);
    } else if (schema->type == CYAML_ENUM) {
        for (uint32_t i = 0; i < schema->enumeration.count; i++)
            g_ptr_array_add(words, (char *)schema->enumeration.strings[i].str);
    }
    g_ptr_array_add(words, NULL);
    return words;
}

static void refuse_key(const OutlineNode *mapping, const char *key,
                       const cyaml_schema_value_t *schema, const char *source, GError **error)
{
    g_autoptr(GPtrArray) words = allowed_words(schema);
    const char *const *list = (const char *const *)words->pdata;
    const char *nearest = text_nearest(key, list);
    const OutlineNode *node = outline_key(mapping, key);
    g_autofree char *all = g_strjoinv(", ", (char **)words->pdata);
    g_autofree char *printable = text_printable(key);
    g_autofree char *shown = text_shorten(printable, 60);
    g_autofree char *name = outline_name(mapping);
    error_set(error, ERROR_CONFIG, "%s:%d:%d: unknown key '%s' in %s; %s%s%s", source,
              node != NULL ? node->key_line : mapping->line,
              node != NULL ? node->key_column : mapping->column, shown, name,
              nearest != NULL ? "did you mean '" : "the keys there are ",
              nearest != NULL ? nearest : all, nearest != NULL ? "'?" : "");
}

static void refuse_choice(const OutlineNode *node, const cyaml_schema_value_t *schema,
                          const char *source, GError **error)
{
    g_autoptr(GPtrArray) words = allowed_words(schema);
    g_autofree char *all = g_strjoinv(", ", (char **)words->pdata);
    g_autofree char *printable = text_printable(node->text != NULL ? node->text : "");
    g_autofree char *shown = text_shorten(printable, 60);
    g_autofree char *name = outline_name(node);
    error_set(error, ERROR_CONFIG, "%s:%d:%d: %s cannot be '%s'; it is one of: %s", source,
              node->line, node->column, name, shown, all);
}

static void refuse_shape(const OutlineNode *node, const cyaml_schema_value_t *schema,
                         const char *source, GError **error)
{
    const OutlineKind wanted = schema->type == CYAML_MAPPING    ? OUTLINE_MAPPING
                               : schema->type == CYAML_SEQUENCE ? OUTLINE_LIST
                                                                : OUTLINE_TEXT;
    g_autofree char *name = outline_name(node);
    if (node->kind == OUTLINE_EMPTY)
        error_set(error, ERROR_CONFIG, "%s:%d:%d: %s is empty", source, node->line, node->column,
                  name);
    else
        error_set(error, ERROR_CONFIG, "%s:%d:%d: %s must be %s, not %s", source, node->line,
                  node->column, name, outline_kind_name(wanted), outline_kind_name(node->kind));
}

/* Says in our words what libcyaml complained about. Its messages are no interface: what is not
 * known here is passed on with the position it is about, and the tests notice. */
static void translate(const Complaint *complaint, const OutlineNode *outline, const char *source,
                      cyaml_err_t code, GError **error)
{
    static const char unexpected[] = "Load: Unexpected key: ";
    const char *problem = complaint->problem != NULL ? complaint->problem : "";
    const cyaml_schema_value_t *schema = NULL;
    const OutlineNode *node = follow_trail(complaint->trail, outline, &schema);
    g_autofree char *name = outline_name(node);

    if (g_str_has_prefix(problem, unexpected))
        refuse_key(node, problem + strlen(unexpected), schema, source, error);
    else if (code == CYAML_ERR_MAPPING_FIELD_MISSING)
        error_set(error, ERROR_CONFIG, "%s:%d:%d: key 'policy' is missing; it names the policy",
                  source, outline->line, outline->column);
    else if (g_str_has_prefix(problem, "Load: Expecting "))
        refuse_shape(node, schema, source, error);
    else if (g_str_has_prefix(problem, "Load: Invalid ENUM value: "))
        refuse_choice(node, schema, source, error);
    else if (code == CYAML_ERR_STRING_LENGTH_MIN)
        error_set(error, ERROR_CONFIG, "%s:%d:%d: %s is empty", source, node->line, node->column,
                  name);
    else
        error_set(error, ERROR_CONFIG, "%s:%d:%d: %s cannot be read: %s (%s)", source, node->line,
                  node->column, name, cyaml_strerror(code), problem);
}

PolicyFile *policy_file_load(const char *text, size_t size_bytes, const OutlineNode *outline,
                             const char *source, GError **error)
{
    g_auto(Complaint) complaint = {.trail = g_ptr_array_new_with_free_func(g_free)};
    const cyaml_config_t config = config_new(&complaint);
    PolicyFile *file = NULL;
    const OutlineNode *empty = NULL;
    const cyaml_err_t code = cyaml_load_data((const uint8_t *)text, size_bytes, &config,
                                             &policy_schema, (cyaml_data_t **)&file, NULL);
    if (code != CYAML_OK || file == NULL) {
        translate(&complaint, outline, source, code, error);
        return NULL;
    }
    /* libcyaml takes "~" and "null" for texts, which YAML does not. */
    empty = outline_first_empty(outline);
    if (empty != NULL) {
        refuse_shape(empty, &text_entry, source, error);
        policy_file_free(file);
        return NULL;
    }
    return file;
}

void policy_file_free(PolicyFile *file)
{
    const cyaml_config_t config = config_new(NULL);
    if (file != NULL)
        cyaml_free(&config, &policy_schema, file, 0);
}
