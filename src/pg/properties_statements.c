#include "pg/properties_items.h"

/* Variables whose value is a list of quoted names (GUC_LIST_QUOTE): a literal for the whole list
 * would be one name with commas in it. The list of variable_is_guc_list_quote() in PostgreSQL's
 * dumputils.c. */
static const char *const QUOTED_LISTS[] = {
    "local_preload_libraries",  "search_path",      "session_preload_libraries",
    "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories",
};

typedef struct {
    GPtrArray *statements;
    char *database;    /* quoted */
    const char *owner; /* the one at that point of the statements */
    bool as_owner; /* the owner has changed: whoever runs this may act for the new one, but need not
                      inherit from it */
} Writer;

static void emit(Writer *writer, const char *format, ...) G_GNUC_PRINTF(2, 3);
static void emit(Writer *writer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_ptr_array_add(writer->statements, g_strdup_vprintf(format, arguments));
    va_end(arguments);
}

/* ---- settings ---- */

static bool is_quoted_list(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(QUOTED_LISTS); i++) {
        if (g_ascii_strcasecmp(name, QUOTED_LISTS[i]) == 0)
            return true;
    }
    return false;
}

/* One name of a stored list, as SplitGUCList() of dumputils.c reads it: case is kept. Gives what
 * follows it. */
static const char *split_name(const char *text, GString *name)
{
    if (*text == '"') {
        for (text++; *text; text++) {
            if (*text == '"' && *++text != '"')
                break;
            g_string_append_c(name, *text);
        }
        return text;
    }
    while (*text && *text != ',' && !g_ascii_isspace(*text))
        g_string_append_c(name, *text++);
    return text;
}

/* "$user", public -> '$user', 'public' */
static char *list_literals(const char *value)
{
    GString *literals = g_string_new(NULL);
    const char *next = value;
    while (*next) {
        if (g_ascii_isspace(*next) || *next == ',') {
            next++;
            continue;
        }
        g_autoptr(GString) name = g_string_new(NULL);
        const char *after = split_name(next, name);
        g_autofree char *literal = pg_literal(name->str);
        g_string_append_printf(literals, "%s%s", literals->len > 0 ? ", " : "", literal);
        next = after > next ? after : next + 1;
    }
    return g_string_free(literals, FALSE);
}

static char *alter_prefix(const Writer *writer, const Property *setting)
{
    if (!setting->role)
        return g_strdup_printf("ALTER DATABASE %s", writer->database);
    g_autofree char *role = pg_identifier(setting->role);
    return g_strdup_printf("ALTER ROLE %s IN DATABASE %s", role, writer->database);
}

static void emit_set(Writer *writer, const Property *setting)
{
    g_autofree char *prefix = alter_prefix(writer, setting);
    g_autofree char *name = pg_identifier(setting->name);
    bool list = is_quoted_list(setting->name);
    g_autofree char *value = list ? list_literals(setting->value) : pg_literal(setting->value);
    if (*value) {
        emit(writer, "%s SET %s TO %s", prefix, name, value);
        return;
    }
    /* No literal stands for a list of no names ('' is a list of one empty name), but a current
     * value may be one. */
    g_autofree char *literal = pg_literal(setting->name);
    emit(writer, "SELECT pg_catalog.set_config(%s, '', true); %s SET %s FROM CURRENT", literal,
         prefix, name);
}

static void emit_reset(Writer *writer, const Property *setting)
{
    g_autofree char *prefix = alter_prefix(writer, setting);
    g_autofree char *name = pg_identifier(setting->name);
    emit(writer, "%s RESET %s", prefix, name);
}

/* ---- everything but settings and grants ---- */

static void emit_label(Writer *writer, const Property *label, const char *value)
{
    g_autofree char *provider = pg_identifier(label->name);
    g_autofree char *literal = value ? pg_literal(value) : g_strdup("NULL");
    emit(writer, "SECURITY LABEL FOR %s ON DATABASE %s IS %s", provider, writer->database, literal);
}

static void emit_comment(Writer *writer, const char *value)
{
    g_autofree char *literal = value ? pg_literal(value) : g_strdup("NULL");
    emit(writer, "COMMENT ON DATABASE %s IS %s", writer->database, literal);
}

/* value: NULL takes the property away. */
static void emit_change(Writer *writer, const Property *item, const char *value)
{
    switch (item->kind) {
    case PROPERTY_SETTING:
        value ? emit_set(writer, item) : emit_reset(writer, item);
        break;
    case PROPERTY_CONNECTION_LIMIT:
        emit(writer, "ALTER DATABASE %s CONNECTION LIMIT %s", writer->database, value);
        break;
    case PROPERTY_TEMPLATE:
        emit(writer, "ALTER DATABASE %s IS_TEMPLATE %s", writer->database, value);
        break;
    case PROPERTY_COMMENT:
        emit_comment(writer, value);
        break;
    case PROPERTY_LABEL:
        emit_label(writer, item, value);
        break;
    case PROPERTY_OWNER: {
        g_autofree char *owner = pg_identifier(value);
        emit(writer, "ALTER DATABASE %s OWNER TO %s", writer->database, owner);
        break;
    }
    case PROPERTY_GRANT:
        break;
    }
}

static void emit_items(Writer *writer, const PgProperties *now, const PgProperties *wanted,
                       bool owner)
{
    for (guint i = 0; i < now->items->len; i++) {
        const Property *item = now->items->pdata[i];
        if (item->kind != PROPERTY_GRANT && (item->kind == PROPERTY_OWNER) == owner &&
            !property_find(wanted->items, item))
            emit_change(writer, item, NULL);
    }
    for (guint i = 0; i < wanted->items->len; i++) {
        const Property *item = wanted->items->pdata[i];
        const Property *is = property_find(now->items, item);
        if (item->kind != PROPERTY_GRANT && (item->kind == PROPERTY_OWNER) == owner &&
            (!is || !g_str_equal(is->value, item->value)))
            emit_change(writer, item, item->value);
    }
}

/* ---- grants ---- */

static GPtrArray *property_list(void)
{
    return g_ptr_array_new_with_free_func((GDestroyNotify)property_free);
}

static Property *find_mutable(GPtrArray *items, const Property *like)
{
    return (Property *)property_find(items, like);
}

/* The grants of properties once owner owns the database: ALTER DATABASE ... OWNER joins what the
 * new owner had with what the old one had (aclnewowner() of PostgreSQL). */
static GPtrArray *grants_owned_by(const PgProperties *properties, const char *owner)
{
    GPtrArray *grants = property_list();
    for (guint i = 0; i < properties->items->len; i++) {
        const Property *item = properties->items->pdata[i];
        if (item->kind != PROPERTY_GRANT)
            continue;
        const char *grantor = g_strcmp0(item->role, owner) == 0 ? OWNER_ITSELF : item->role;
        const char *grantee = g_strcmp0(item->name, owner) == 0 ? OWNER_ITSELF : item->name;
        Property *grant =
            property_new(PROPERTY_GRANT, grantor, grantee, item->privilege, item->value);
        Property *same = find_mutable(grants, grant);
        if (!same) {
            g_ptr_array_add(grants, grant);
            continue;
        }
        if (g_str_equal(grant->value, GRANTABLE)) {
            g_free(same->value);
            same->value = g_strdup(GRANTABLE);
        }
        property_free(grant);
    }
    return grants;
}

/* Grants of the owner are made by whoever runs this, who acts for the owner; a grant of somebody
 * else is recorded as his only if he makes it. */
static void emit_grant(Writer *writer, const Property *grant, const char *verb, const char *tail)
{
    bool by_owner = !*grant->role;
    const char *acting = !by_owner ? grant->role : writer->as_owner ? writer->owner : NULL;
    g_autofree char *role = acting ? pg_identifier(acting) : NULL;
    g_autofree char *grantee = !grant->name   ? g_strdup("PUBLIC")
                               : *grant->name ? pg_identifier(grant->name)
                                              : pg_identifier(writer->owner);
    g_autofree char *statement =
        g_strdup_printf("%s %s ON DATABASE %s %s %s%s", verb, grant->privilege, writer->database,
                        verb[0] == 'G' ? "TO" : "FROM", grantee, tail);
    if (role) /* one string: where the role may not be taken, nothing may be granted either */
        emit(writer, "SET LOCAL ROLE %s; %s; RESET ROLE", role, statement);
    else
        emit(writer, "%s", statement);
}

static bool is_grantable(const Property *grant)
{
    return g_str_equal(grant->value, GRANTABLE);
}

/* Whether somebody may grant the privilege, given what has been granted. */
static bool may_grant(const GPtrArray *granted, const char *role, const char *privilege)
{
    if (!*role)
        return true;
    for (guint i = 0; i < granted->len; i++) {
        const Property *grant = granted->pdata[i];
        if (g_strcmp0(grant->name, role) == 0 && g_str_equal(grant->privilege, privilege) &&
            is_grantable(grant))
            return true;
    }
    return false;
}

/* Grants what is missing, those first on whose grant option others rest. granted: what there is; it
 * grows. */
static void emit_missing_grants(Writer *writer, GPtrArray *granted, GPtrArray *missing)
{
    while (missing->len > 0) {
        guint next = 0; /* if nobody may (a recorded ACL with a gap), the server shall say so */
        for (guint i = 0; i < missing->len; i++) {
            const Property *grant = missing->pdata[i];
            if (may_grant(granted, grant->role, grant->privilege)) {
                next = i;
                break;
            }
        }
        Property *grant = g_ptr_array_steal_index(missing, next);
        emit_grant(writer, grant, "GRANT", is_grantable(grant) ? " WITH GRANT OPTION" : "");
        g_ptr_array_add(granted, grant);
    }
}

/* Whether a grant that is still to be revoked rests on the grant option of this one. */
static bool has_dependents(const GPtrArray *surplus, const Property *grant)
{
    for (guint i = 0; grant->name && *grant->name && i < surplus->len; i++) {
        const Property *other = surplus->pdata[i];
        if (other != grant && g_strcmp0(other->role, grant->name) == 0 &&
            g_str_equal(other->privilege, grant->privilege))
            return true;
    }
    return false;
}

/* Revokes what is too much, in the order in which nothing rests on it any more. */
static void emit_surplus_grants(Writer *writer, GPtrArray *surplus, const GPtrArray *wanted)
{
    while (surplus->len > 0) {
        guint next = 0;
        for (guint i = 0; i < surplus->len; i++) {
            if (!has_dependents(surplus, surplus->pdata[i])) {
                next = i;
                break;
            }
        }
        Property *grant = g_ptr_array_steal_index(surplus, next);
        bool option_only = property_find(wanted, grant);
        emit_grant(writer, grant, option_only ? "REVOKE GRANT OPTION FOR" : "REVOKE", "");
        property_free(grant);
    }
}

static Property *grant_copy(const Property *grant)
{
    return property_new(grant->kind, grant->role, grant->name, grant->privilege, grant->value);
}

/* All that is missing is granted before anything is revoked, so that every grant option that a
 * wanted grant rests on is there all the time. */
static void emit_grants(Writer *writer, const PgProperties *now, const PgProperties *wanted)
{
    g_autoptr(GPtrArray) is = grants_owned_by(now, writer->owner);
    g_autoptr(GPtrArray) should = grants_owned_by(wanted, writer->owner);
    g_autoptr(GPtrArray) missing = property_list();
    g_autoptr(GPtrArray) surplus = property_list();
    for (guint i = 0; i < should->len; i++) {
        const Property *grant = should->pdata[i];
        const Property *there = property_find(is, grant);
        if (!there || (is_grantable(grant) && !is_grantable(there)))
            g_ptr_array_add(missing, grant_copy(grant));
    }
    for (guint i = 0; i < is->len; i++) {
        const Property *grant = is->pdata[i];
        const Property *keep = property_find(should, grant);
        if (!keep || (is_grantable(grant) && !is_grantable(keep)))
            g_ptr_array_add(surplus, grant_copy(grant));
    }
    emit_missing_grants(writer, is, missing);
    emit_surplus_grants(writer, surplus, should);
}

/*
 * The owner changes after what the present owner may do, and before the grants: the change rewrites
 * the ACL, so that what is to be granted is computed from the rewritten one, and is granted as the
 * new owner.
 */
GPtrArray *pg_properties_statements(const char *database, const PgProperties *now,
                                    const PgProperties *wanted)
{
    g_autofree char *quoted = pg_identifier(database);
    Writer writer = {
        .statements = g_ptr_array_new_with_free_func(g_free),
        .database = quoted,
        .owner = properties_value(wanted, PROPERTY_OWNER),
    };
    writer.as_owner = g_strcmp0(writer.owner, properties_value(now, PROPERTY_OWNER)) != 0;
    emit_items(&writer, now, wanted, false);
    emit_items(&writer, now, wanted, true);
    emit_grants(&writer, now, wanted);
    return writer.statements;
}
