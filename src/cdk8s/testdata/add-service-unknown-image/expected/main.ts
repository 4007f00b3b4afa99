import { App, YamlOutputType } from "cdk8s";
import { CacheChart } from "./charts/cache";
import { OtherChart } from "./charts/other";

function main() {
    const app = new App({ yamlOutputType: YamlOutputType.FOLDER_PER_CHART_FILE_PER_RESOURCE });
    // The services.
    new CacheChart(app, "cache", { namespace: "tools" });
    new OtherChart(app, "other"); // first of many
    app.synth();
}

main();
