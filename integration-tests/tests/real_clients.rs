//! Programs as they are, in VMs and outside: curl asks nginx through a load balancer, a public address and a NAT gateway, and nginx's log
//! tells whom it has seen.
#![allow(clippy::unwrap_used, reason = "a test says what it expects by unwrapping it")]

use integration_tests::{Lab, User, wait};

/// Two web servers behind a public load balancer, one machine with a public address, one behind a NAT gateway; a client and a web server
/// in the internet.
const TOPOLOGY: &str = r"
name: real-clients
hosts: 2
virtualNetworks:
  shop:
    addressSpace: [10.0.0.0/16]
    subnets:
      web: {addressPrefix: 10.0.1.0/24, networkSecurityGroup: nsg-web}
      nat: {addressPrefix: 10.0.2.0/24, natGateway: egress}
networkSecurityGroups:
  nsg-web:
    securityRules:
      allow-http: {priority: 100, direction: Inbound, access: Allow, protocol: Tcp, sourceAddressPrefix: Internet, destinationPortRange: 8080}
publicIPAddresses:
  pip-lb: {ipAddress: 20.200.0.4}
  pip-own: {ipAddress: 20.200.0.5}
  pip-nat: {ipAddress: 20.200.0.6}
natGateways:
  egress: {publicIPAddresses: [pip-nat]}
loadBalancers:
  lb:
    frontendIPConfigurations: {fe: {publicIPAddress: pip-lb}}
    backendAddressPools: {pool: [web1, web2]}
    probes: {http: {protocol: Http, port: 8080, requestPath: /, intervalInSeconds: 5, numberOfProbes: 1}}
    loadBalancingRules:
      web: {frontendIPConfiguration: fe, backendAddressPool: pool, probe: http, protocol: Tcp, frontendPort: 80, backendPort: 8080}
virtualMachines:
  web1: {subnet: shop/web, host: host1, commands: [NGINX]}
  web2: {subnet: shop/web, host: host2, commands: [NGINX]}
  own: {subnet: shop/web, host: host2, publicIPAddress: pip-own, commands: [NGINX]}
  natted: {subnet: shop/nat, host: host1}
internet:
  hosts:
    client: 203.0.113.9
    site: {ipAddress: 93.184.216.34, listen: [], commands: [NGINX]}
";

/// nginx on port 8080, with all its files below /run, which is each machine's own.
const NGINX: &str = "mkdir -p /run/www; hostname > /run/www/index.html; \
    echo \"user root; daemon off; worker_processes 1; pid /run/nginx.pid; events {} http { access_log /run/access.log; \
    client_body_temp_path /run/body; proxy_temp_path /run/proxy; fastcgi_temp_path /run/fastcgi; uwsgi_temp_path /run/uwsgi; \
    scgi_temp_path /run/scgi; server { listen 8080; root /run/www; } }\" > /run/nginx.conf; \
    exec nginx -e /run/error.log -c /run/nginx.conf";

fn lab() -> Lab {
    let nginx = serde_json::to_string(NGINX).unwrap();
    Lab::up(User::Root, &TOPOLOGY.replace("NGINX", &nginx))
}

/// What curl in `vm` gets from there; nothing while nobody answers.
fn curl(lab: &Lab, vm: &str, url: &str) -> Option<String> {
    let said = lab.exec(vm, &["curl", "--silent", "--fail", "--max-time", "2", url]);
    (said.status == Some(0)).then(|| said.stdout.trim().to_owned())
}

/// Whom nginx in `vm` has seen.
fn seen_by(lab: &Lab, vm: &str) -> Vec<String> {
    let log = lab.exec(vm, &["cat", "/run/access.log"]).stdout;
    log.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

#[test]
fn nginx_behind_a_load_balancer_sees_its_client_as_root() {
    let lab = lab();
    let mut answered = Vec::new();
    wait::until("both web servers answer", || {
        answered.extend(curl(&lab, "internet/client", "http://20.200.0.4/"));
        ["web1", "web2"].iter().all(|name| answered.iter().any(|said| said == name)).then_some(())
    });
    for name in ["web1", "web2"] {
        let seen = seen_by(&lab, name);
        assert!(seen.iter().any(|who| who == "203.0.113.9"), "{name} has seen {seen:?}");
        let others: Vec<_> =
            seen.iter().filter(|who| *who != "203.0.113.9" && *who != "168.63.129.16").collect();
        assert!(others.is_empty(), "{name} has also seen {others:?}");
    }
}

#[test]
fn nginx_at_a_public_address_sees_its_client_as_root() {
    let lab = lab();
    wait::until("the web server answers", || {
        curl(&lab, "internet/client", "http://20.200.0.5:8080/").filter(|said| said == "own")
    });
    assert!(seen_by(&lab, "own").iter().all(|who| who == "203.0.113.9"));
}

#[test]
fn nginx_in_the_internet_sees_a_nat_gateway_as_root() {
    let lab = lab();
    wait::until("the site answers", || {
        curl(&lab, "natted", "http://93.184.216.34:8080/").filter(|said| said == "internet.site")
    });
    assert!(seen_by(&lab, "internet/site").iter().all(|who| who == "20.200.0.6"));
}
