
/*
 * Roles: names of permissions go in, masks of bits come out.
 */


#include "ngx_leadgen_policy.h"


static ngx_int_t ngx_leadgen_roles_init(ngx_pool_t *pool, ngx_array_t *roles,
    const char *name, const char *permissions);
static ngx_leadgen_permissions_t ngx_leadgen_roles_mask(
    const ngx_str_t *pattern);
static ngx_uint_t ngx_leadgen_roles_is_name(const ngx_str_t *name);


static const struct {
    const char  *name;
    const char  *permissions;
} ngx_leadgen_roles_builtin[] = {
    { "admin",   "*" },
    { "manager", "campaign:create campaign:read campaign:update lead:* team:* "
                 "analytics:read" },
    { "user",    "campaign:read lead:read analytics:read" }
};


ngx_array_t *
ngx_leadgen_roles_create(ngx_pool_t *pool)
{
    ngx_uint_t    i;
    ngx_array_t  *roles;

    roles = ngx_array_create(pool, 8, sizeof(ngx_leadgen_role_t));
    if (roles == NULL) {
        return NULL;
    }

    for (i = 0; i < sizeof(ngx_leadgen_roles_builtin)
                    / sizeof(ngx_leadgen_roles_builtin[0]); i++)
    {
        if (ngx_leadgen_roles_init(pool, roles,
                                   ngx_leadgen_roles_builtin[i].name,
                                   ngx_leadgen_roles_builtin[i].permissions)
            != NGX_OK)
        {
            return NULL;
        }
    }

    return roles;
}


static ngx_int_t
ngx_leadgen_roles_init(ngx_pool_t *pool, ngx_array_t *roles, const char *name,
    const char *permissions)
{
    size_t               len;
    ngx_str_t            pattern;
    ngx_leadgen_role_t  *role;

    role = ngx_array_push(roles);
    if (role == NULL) {
        return NGX_ERROR;
    }

    role->name.data = (u_char *) name;
    role->name.len = ngx_strlen(name);
    role->permissions = 0;

    for ( /* void */ ; *permissions; permissions += len) {
        permissions += (*permissions == ' ');
        len = strcspn(permissions, " ");

        pattern.data = (u_char *) permissions;
        pattern.len = len;

        role->permissions |= ngx_leadgen_roles_mask(&pattern);
    }

    return NGX_OK;
}


char *
ngx_leadgen_roles_add(ngx_conf_t *cf, ngx_array_t *roles, ngx_str_t *words,
    ngx_uint_t nwords)
{
    ngx_str_t                  base;
    ngx_uint_t                 i;
    ngx_leadgen_role_t        *role;
    const ngx_leadgen_role_t  *parent;
    ngx_leadgen_permissions_t  mask, permissions;

    if (!ngx_leadgen_roles_is_name(&words[0])) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"%V\" is not a role's name: use a-z, 0-9, \"_\" "
                           "and \"-\", a letter first, 63 characters at most",
                           &words[0]);
        return NGX_CONF_ERROR;
    }

    permissions = 0;

    for (i = 1; i < nwords; i++) {

        if (ngx_strncmp(words[i].data, "extends=", 8) == 0) {
            base.data = words[i].data + 8;
            base.len = words[i].len - 8;

            parent = ngx_leadgen_roles_find(roles, &base);
            if (parent == NULL) {
                ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                                   "unknown role \"%V\": a role can extend "
                                   "one that stands before it", &base);
                return NGX_CONF_ERROR;
            }

            permissions |= parent->permissions;
            continue;
        }

        mask = ngx_leadgen_roles_mask(&words[i]);
        if (mask == 0) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "unknown permission \"%V\": use \"*\", a "
                               "category as \"lead:*\", or some of%s",
                               &words[i], ngx_leadgen_permission_names);
            return NGX_CONF_ERROR;
        }

        permissions |= mask;
    }

    role = (ngx_leadgen_role_t *) ngx_leadgen_roles_find(roles, &words[0]);
    if (role == NULL) {
        role = ngx_array_push(roles);
        if (role == NULL) {
            return NGX_CONF_ERROR;
        }
    }

    role->name = words[0];
    role->permissions = permissions;

    return NGX_CONF_OK;
}


/* "campaign:read", "campaign:*" or "*" as bits; 0 when it is none of them. */

static ngx_leadgen_permissions_t
ngx_leadgen_roles_mask(const ngx_str_t *pattern)
{
    size_t                     len;
    ngx_int_t                  permission;
    ngx_uint_t                 i;
    const ngx_str_t           *name;
    ngx_leadgen_permissions_t  mask;

    if (pattern->len == 0 || pattern->data[pattern->len - 1] != '*') {
        permission = ngx_leadgen_permission_find(pattern);

        return permission == NGX_ERROR
               ? 0 : ngx_leadgen_permission_bit(permission);
    }

    len = pattern->len - 1;

    if (len && pattern->data[len - 1] != ':') {
        return 0;
    }

    mask = 0;

    for (i = 0; i < NGX_LEADGEN_NPERMISSIONS; i++) {
        name = &ngx_leadgen_permissions[i].name;

        if (name->len > len && ngx_memcmp(name->data, pattern->data, len) == 0)
        {
            mask |= ngx_leadgen_permission_bit(i);
        }
    }

    return mask;
}


static ngx_uint_t
ngx_leadgen_roles_is_name(const ngx_str_t *name)
{
    u_char      c;
    ngx_uint_t  i;

    if (name->len == 0 || name->len > 63) {
        return 0;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (c >= 'a' && c <= 'z') {
            continue;
        }

        if (i && ((c >= '0' && c <= '9') || c == '_' || c == '-')) {
            continue;
        }

        return 0;
    }

    return 1;
}


const ngx_leadgen_role_t *
ngx_leadgen_roles_find(const ngx_array_t *roles, const ngx_str_t *name)
{
    ngx_uint_t                 i;
    const ngx_leadgen_role_t  *role;

    role = roles->elts;

    for (i = 0; i < roles->nelts; i++) {

        if (role[i].name.len == name->len
            && ngx_memcmp(role[i].name.data, name->data, name->len) == 0)
        {
            return &role[i];
        }
    }

    return NULL;
}


ngx_int_t
ngx_leadgen_roles_grant(const ngx_array_t *roles, const ngx_str_t *name,
    ngx_leadgen_permissions_t *permissions)
{
    const ngx_leadgen_role_t   *role;
    const ngx_leadgen_grant_t  *grant;

    *permissions = 0;

    role = ngx_leadgen_roles_find(roles, name);
    if (role) {
        *permissions = role->permissions;
        return NGX_OK;
    }

    grant = ngx_leadgen_grant_find(name);
    if (grant) {
        *permissions = grant->permissions;
        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
ngx_leadgen_roles_get(const ngx_array_t *roles, ngx_uint_t i,
    ngx_leadgen_role_t *role)
{
    ngx_uint_t                  n;
    const ngx_leadgen_grant_t  *grants;

    if (i < roles->nelts) {
        *role = ((ngx_leadgen_role_t *) roles->elts)[i];
        return NGX_OK;
    }

    grants = ngx_leadgen_grant_all(&n);
    i -= roles->nelts;

    if (i >= n) {
        return NGX_DONE;
    }

    role->name.data = (u_char *) grants[i].name;
    role->name.len = grants[i].len;
    role->permissions = grants[i].permissions;

    /* a role of the configuration has come to have the same name */

    return ngx_leadgen_roles_find(roles, &role->name) ? NGX_DECLINED : NGX_OK;
}
